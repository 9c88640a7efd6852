"""Sum of tensors of one shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape
from hwgen.ops.elementwise import pointwise_work, same_shape
from hwgen.ops.params import Activation
from hwgen.ops.scaling import rescale
from hwgen.ops.types import QType
from hwgen.ops.work import Work

__all__ = ["OP", "Add", "AddParams"]


class AddParams(OpParams):
    """Spec keys of add."""

    activation: Activation = Field("none", description="none or relu, before requantisation")


class Add(Op):
    """``act(x_0 + x_1 + ...)``: each input has its own multiplier, one rounding at the end."""

    name: ClassVar[str] = "add"
    summary: ClassVar[str] = "sum of two or more tensors of one shape, optional ReLU"
    Params: ClassVar[type[OpParams]] = AddParams
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    max_acc_bits: ClassVar[int] = 48
    row_by_row: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: add, in: [x, x]}"

    def shape(self, params: AddParams, inputs: Sequence[Shape]) -> Shape:
        """Return the common shape."""
        return same_shape(self.name, inputs)

    def real(self, params: AddParams, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return the sum."""
        total: Real = np.sum(np.stack(list(inputs)), axis=0)
        return np.maximum(total, 0.0) if params.activation == "relu" else total

    def lower(
        self,
        params: AddParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return a multiplier per input and one constant for all their zero points."""
        relu = params.activation == "relu"
        requant = rescale(types, out, relu=relu)
        if requant.identity and out.zero_point:
            # Codes of one type add up, but their zero points do so too.
            surplus = (len(types) - 1) * out.zero_point
            return Lowered(requant=replace(requant, offset=np.array([-surplus])))
        return Lowered(requant=replace(requant, offset=requant.offset.sum(keepdims=True)))

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the scaled sum, rounded once."""
        requant = lowered.requant
        assert requant is not None
        total = np.full(inputs[0].shape, requant.offset[0])
        for codes, multiplier in zip(inputs, requant.multiplier, strict=True):
            total = total + codes * multiplier
        return requant.finish(total)

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of the scaled sum, its constants and every part of it."""
        requant = lowered.requant
        assert requant is not None
        constants = [int(requant.offset[0]), (1 << requant.shift) >> 1]
        low = sum(min(c, 0) for c in constants)
        high = sum(max(c, 0) for c in constants)
        for item, multiplier in zip(types, requant.multiplier, strict=True):
            low += min(item.low, 0) * int(multiplier)
            high += item.high * int(multiplier)
        return low, high

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``add`` work."""
        return pointwise_work("add", inputs)


OP = Add()
