"""Change of precision: the same values in another width and scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape
from hwgen.ops.elementwise import pointwise_work
from hwgen.ops.scaling import rescale
from hwgen.ops.types import QType
from hwgen.ops.work import Work

__all__ = ["OP", "Requantize", "RequantizeParams"]


class RequantizeParams(OpParams):
    """requantize has no spec keys of its own: quantize.layers gives its width."""


class Requantize(Op):
    """The real values of its input; codes of the width that ``quantize`` gives the layer."""

    name: ClassVar[str] = "requantize"
    summary: ClassVar[str] = "same values, other precision (quantize.layers.<name>.activations)"
    Params: ClassVar[type[OpParams]] = RequantizeParams
    pointwise: ClassVar[bool] = True
    row_by_row: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: requantize, in: x}"

    def shape(self, params: RequantizeParams, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        return inputs[0]

    def real(
        self, params: RequantizeParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the input."""
        return inputs[0]

    def lower(
        self,
        params: RequantizeParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the scaling from the input's type to the output's."""
        return Lowered(requant=rescale(types, out))

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the rescaled codes."""
        assert lowered.requant is not None
        return lowered.requant.apply(inputs[0])

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``copy`` work."""
        return pointwise_work("copy", inputs)


OP = Requantize()
