"""Tensors one after the other along the channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import (
    Lowered,
    LowerOptions,
    Op,
    OpParams,
    ParamError,
    Real,
    Shape,
    channel_axis,
)
from hwgen.ops.elementwise import rows_of
from hwgen.ops.scaling import rescale
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Work

__all__ = ["OP", "Concat", "ConcatParams"]


class ConcatParams(OpParams):
    """concat has no spec keys of its own."""


class Concat(Op):
    """Channels (or features) of the inputs in order, brought to one type."""

    name: ClassVar[str] = "concat"
    summary: ClassVar[str] = "two or more tensors one after the other along the channels"
    Params: ClassVar[type[OpParams]] = ConcatParams
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    row_by_row: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: concat, in: [x, x]}"

    def shape(self, params: ConcatParams, inputs: Sequence[Shape]) -> Shape:
        """Return the shape with the channels summed."""
        for shape in inputs[1:]:
            if _places(shape) != _places(inputs[0]):
                raise ParamError(
                    "concat needs inputs that differ in their channels only, "
                    f"got {list(inputs[0])} and {list(shape)}",
                    key="in",
                    hint="images of one height and width, sequences of as many tokens, or vectors",
                )
        result = list(inputs[0])
        axis = channel_axis(inputs[0])
        result[axis] = sum(shape[axis] for shape in inputs)
        return tuple(result)

    def real(
        self, params: ConcatParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the concatenation."""
        return np.concatenate(list(inputs), axis=_channels(inputs[0]))

    def lower(
        self,
        params: ConcatParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return a multiplier and a constant per input."""
        return Lowered(requant=rescale(types, out))

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return each input rescaled, one after the other."""
        requant = lowered.requant
        assert requant is not None
        parts = [
            requant.finish(codes * multiplier + offset)
            for codes, multiplier, offset in zip(
                inputs, requant.multiplier, requant.offset, strict=True
            )
        ]
        return np.concatenate(parts, axis=_channels(inputs[0]))

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``concat`` work: per row, the ports' rows one after the other."""
        ports = tuple(rows_of(shape) for shape in inputs)
        return Work(
            kind="concat",
            ports=ports,
            row=Loop(ports[0].rows, dy=1),
            column=Loop(1),
            channel=Loop(sum(port.row for port in ports), dx=1),
        )


def _places(shape: Shape) -> list[int | None]:
    """Return the shape without its channels."""
    places: list[int | None] = list(shape)
    places[channel_axis(shape)] = None
    return places


def _channels(batch: npt.NDArray[Any]) -> int:
    """Return the axis of the channels of an array with a batch axis."""
    return 1 + channel_axis(batch.shape[1:])


OP = Concat()
