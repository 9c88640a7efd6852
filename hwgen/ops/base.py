"""The interface of an op; one module per op implements it, one registry line names it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from hwgen.ops.arithmetic import Int
from hwgen.ops.blocks import Blocks
from hwgen.ops.history import RowWindow
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Work

__all__ = [
    "LowerOptions",
    "Lowered",
    "Op",
    "OpParams",
    "ParamError",
    "Part",
    "Real",
    "Shape",
    "channel_axis",
]

Shape = tuple[int, ...]
"""(channels, height, width), (tokens, features) or (features,)."""

Real = npt.NDArray[np.float64]


def channel_axis(shape: Shape) -> int:
    """Return the axis of ``shape`` that counts channels: the last one, of an image the first.

    Examples
    --------
    >>> channel_axis((3, 8, 8)), channel_axis((5, 16)), channel_axis((10,))
    (0, 1, 0)
    """
    return 0 if len(shape) == 3 else len(shape) - 1


class OpParams(BaseModel):
    """The spec keys of an op besides ``name``, ``op`` and ``in``; each has a description."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ParamError(ValueError):
    """A parameter or an input shape is illegal for this op.

    Parameters
    ----------
    message
        One sentence with the offending value.
    key
        Spec key that it is about (``kernel``), or empty for the layer as a whole.
    hint
        The legal values.
    """

    def __init__(self, message: str, *, key: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.hint = hint


@dataclass(frozen=True)
class LowerOptions:
    """What the spec asks of the quantiser for one node.

    Parameters
    ----------
    weight_bits
        Width of the weights, 2 to 16 bits.
    narrow
        Whether weights leave out the most negative code.
    reach
        Largest magnitude of a weight, if it is not that of its bits.
    rounded
        Codes of the weights and the scale of each output, if they are rounded already.
    blocks
        How each channel of the input is rounded to 4 or 8 bits; None: it is not.
    means
        Of each input, the mean of each channel on the calibration data.
    """

    weight_bits: int
    narrow: bool = False
    reach: int | None = None
    rounded: tuple[Int, Real] | None = None
    blocks: Blocks | None = None
    means: Sequence[Real] = ()


@dataclass(frozen=True)
class Lowered:
    """Integer form of a node.

    Parameters
    ----------
    attrs
        Integers, tuples, strings and booleans that ``integer`` and ``work`` read.
    constants
        int64 arrays: ``weight`` and ``bias`` of a MAC op.
    requant
        Final scaling, or None for an op that passes codes through (max pool, flatten, argmax).
    weight_type
        Bits and signedness of ``weight`` (its scale is per channel: see ``weight_scale``).
    """

    attrs: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Int] = field(default_factory=dict)
    requant: Requant | None = None
    weight_type: QType | None = None


@dataclass(frozen=True)
class Part:
    """What an op leaves of some rows of its input: an op of its own, and its result's type."""

    op: str
    lowered: Lowered
    type: QType


class Op(ABC):
    """One operation.  Instances are stateless; every method is a pure function.

    Class attributes
    ----------------
    name : the spec's name of the op, also of its files on every floor.
    summary : one line for ``hwgen ops``.
    Params : its spec keys.
    arity : least and most number of inputs (None: no limit).
    max_acc_bits : widest legal accumulator; 48 where already multiplied codes are summed.
    categorical : whether the result is an index, so that signal-to-noise has no meaning.
    remembers : whether results can depend on earlier tensors; the batch axis is time then, and
        ``real`` and ``integer`` get all of it at once.
    alike : whether nodes of this op that read the same tensors and have results of one shape have
        results of one type.
    pointwise : whether each element of the result comes from one of the input, whatever its place.
    one_length : whether all tensors must have the same number of tokens.
    row_by_row : whether each row (of an image, token of a sequence) of the result is made of the
        same row of every input.
    in_parts : whether it folds all rows of a tensor into one result, so that it can fold some
        rows at a time first: see :meth:`part`.
    padded_apart : whether the rows of a window that see its padding can be made apart from the
        others: see :meth:`padded`.
    example : one YAML layer line that is legal after a layer named ``x``.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Params: ClassVar[type[OpParams]]
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    max_acc_bits: ClassVar[int] = 32
    categorical: ClassVar[bool] = False
    remembers: ClassVar[bool] = False
    alike: ClassVar[bool] = False
    padded_apart: ClassVar[bool] = True
    pointwise: ClassVar[bool] = False
    one_length: ClassVar[bool] = False
    row_by_row: ClassVar[bool] = False
    in_parts: ClassVar[bool] = False
    example: ClassVar[str]

    # -- real-valued meaning ------------------------------------------------------------------

    @abstractmethod
    def shape(self, params: Any, inputs: Sequence[Shape]) -> Shape:
        """Return the output shape; raise :class:`ParamError` if the inputs are illegal."""

    def weights(self, params: Any, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return the shapes of the weights by name (``weight``, ``bias``); none by default."""
        return {}

    @abstractmethod
    def real(self, params: Any, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return the floating-point result; every array has a leading batch axis."""

    # -- integer meaning ----------------------------------------------------------------------

    def out_type(
        self, params: Any, inputs: Sequence[QType], proposed: QType, shapes: Sequence[Shape]
    ) -> QType:
        """Return the output's type: the calibrated ``proposed`` one, unless the op dictates it.

        Max pooling, flatten and relu keep their input's type, argmax yields an unsigned index
        into an input of ``shapes``.
        """
        return proposed

    def in_types(self, params: Any, shapes: Sequence[Shape]) -> tuple[QType | None, ...]:
        """Return the type that the op dictates to each input that is one of the model's.

        None leaves it to calibration.
        """
        return (None,) * len(shapes)

    @abstractmethod
    def lower(
        self,
        params: Any,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the integer form of a node whose input types and output type are given.

        Raises
        ------
        ParamError
            If the op cannot work on the types.
        """

    def rounded_weight(self, params: Any, lowered: Lowered) -> Real:
        """Return what the codes of ``weight`` mean, in the shape that :meth:`weights` gives it."""
        weight, scale = lowered.constants["weight"], np.array(lowered.attrs["weight_scale"])
        rounded: Real = weight * scale.reshape((-1,) + (1,) * (weight.ndim - 1))
        return rounded

    @abstractmethod
    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the output codes, bit exact; this is the golden model of the op.

        Inputs are int64 codes of their types, with a leading batch axis: (batch, channels,
        height, width), (batch, tokens, features) or (batch, features); so is the result.
        """

    def resized(self, lowered: Lowered, inputs: Sequence[Shape]) -> Lowered:
        """Return the integer form for inputs of fewer tokens; constants and scales stay."""
        return lowered

    def recalls(self, lowered: Lowered) -> bool:
        """Return whether results depend on earlier tensors."""
        return False

    def mixed(self, lowered: Lowered, inputs: Sequence[Int], tokens: Int) -> Int:
        """Return the output codes of tensors of several lengths that follow one another.

        Only of an op that recalls.

        Parameters
        ----------
        inputs
            As in :meth:`integer`, filled up to the longest tensor with rows that count for nothing.
        tokens
            How many rows of each tensor count; what the result holds beyond them is undefined.
        """
        raise NotImplementedError(f"{self.name} recalls nothing")

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int] | None:
        """Return bounds of every intermediate sum, in any order; None for an op without one.

        From the actual constants and the range of the input codes.
        """
        return None

    # -- streams ------------------------------------------------------------------------------

    def row_window(self, params: Any, inputs: Sequence[Shape]) -> RowWindow | None:
        """Return which rows of its inputs a row of the result is made of.

        None if it takes more than a window of them: then the op cannot be in a stream.
        """
        return RowWindow() if self.row_by_row and len(inputs[0]) > 1 else None

    def streamed(self, lowered: Lowered, history: int, warmup: int, zero: int) -> Lowered:
        """Return the integer form of an op with a window whose input comes in chunks.

        Parameters
        ----------
        history
            Rows of earlier tensors that its first window begins with; if negative, rows of the
            tensor itself that no window reads.
        warmup
            First rows of a sequence that count as padding.
        zero
            Code of zero in its input, which a padding row is made of unless the op says otherwise.
        """
        attrs = {"pad": zero, **lowered.attrs, "history": history, "warmup": warmup}
        return replace(lowered, attrs=attrs)

    def padded(self, lowered: Lowered, before: int, after: int) -> Lowered:
        """Return the integer form with other numbers of padding rows, if it has any."""
        if "padding" not in lowered.attrs:
            return lowered
        columns = lowered.attrs["padding"][1]
        attrs = {**lowered.attrs, "padding": ((before, after), columns)}
        return replace(lowered, attrs=attrs)

    def part(self, lowered: Lowered, shape: Shape, kind: QType, rows: int) -> Part:
        """Return what is left of every ``rows`` rows of an input of ``shape`` and ``kind``.

        Only of an op that is ``in_parts``.
        """
        raise NotImplementedError(f"{self.name} has no parts")

    def of_parts(self, lowered: Lowered, rows: int, columns: int) -> Lowered:
        """Return the integer form of the op for ``rows`` rows of ``columns`` columns of parts."""
        raise NotImplementedError(f"{self.name} has no parts")

    # -- hardware -----------------------------------------------------------------------------

    @abstractmethod
    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return the op as loops for an engine."""

    def stream_weights(self, lowered: Lowered, inputs: Sequence[Shape]) -> Int:
        """Return the weights in the order the engine walks: (output channel, segment, element).

        Only for ``mac`` work.
        """
        raise NotImplementedError(f"{self.name} has no weights")
