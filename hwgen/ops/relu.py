"""Rectified linear unit as a layer of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape
from hwgen.ops.elementwise import pointwise_work
from hwgen.ops.scaling import identity
from hwgen.ops.types import QType
from hwgen.ops.work import Work

__all__ = ["OP", "Relu", "ReluParams"]


class ReluParams(OpParams):
    """relu has no spec keys of its own."""


class Relu(Op):
    """``max(x, 0)``: codes are clamped at the zero point and keep their type."""

    name: ClassVar[str] = "relu"
    summary: ClassVar[str] = "max(x, 0); convolution, linear and add do it for free (activation)"
    Params: ClassVar[type[OpParams]] = ReluParams
    pointwise: ClassVar[bool] = True
    row_by_row: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: relu, in: x}"

    def shape(self, params: ReluParams, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        return inputs[0]

    def real(self, params: ReluParams, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return ``max(x, 0)``."""
        return np.maximum(inputs[0], 0.0)

    def out_type(
        self,
        params: ReluParams,
        inputs: Sequence[QType],
        proposed: QType,
        shapes: Sequence[Shape],
    ) -> QType:
        """Return the input's type."""
        return inputs[0]

    def lower(
        self,
        params: ReluParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the identity with a clamp at the zero point."""
        return Lowered(requant=identity(out, relu=True))

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the clamped codes."""
        assert lowered.requant is not None
        return lowered.requant.apply(inputs[0])

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``copy`` work."""
        return pointwise_work("copy", inputs)


OP = Relu()
