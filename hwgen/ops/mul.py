"""Product of two tensors of one shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape
from hwgen.ops.elementwise import pointwise_work, same_shape
from hwgen.ops.scaling import fixed_point
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Work

__all__ = ["OP", "Mul", "MulParams"]


class MulParams(OpParams):
    """mul has no spec keys of its own."""


class Mul(Op):
    """``x_0 * x_1``, element by element: exact products, rounded once."""

    name: ClassVar[str] = "mul"
    summary: ClassVar[str] = "product of two tensors of one shape, element by element (gates)"
    Params: ClassVar[type[OpParams]] = MulParams
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    max_acc_bits: ClassVar[int] = 48
    row_by_row: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: mul, in: [x, x]}"

    def shape(self, params: MulParams, inputs: Sequence[Shape]) -> Shape:
        """Return the common shape."""
        return same_shape(self.name, inputs)

    def real(self, params: MulParams, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return the product."""
        return inputs[0] * inputs[1]

    def lower(
        self,
        params: MulParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return one multiplier; ``attrs["zeros"]`` holds what is taken off the codes first."""
        ratio = types[0].scale * types[1].scale / out.scale
        multiplier, shift = fixed_point(np.array([ratio]))
        return Lowered(
            attrs={"zeros": tuple(kind.zero_point for kind in types)},
            requant=Requant(
                multiplier=multiplier,
                shift=shift,
                zero_point=out.zero_point,
                low=out.low,
                high=out.high,
                offset=np.zeros(1, dtype=np.int64),
            ),
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the scaled products, rounded once."""
        assert lowered.requant is not None
        left, right = (
            codes - zero for codes, zero in zip(inputs, lowered.attrs["zeros"], strict=True)
        )
        return lowered.requant.apply(left * right)

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of the scaled product, with what rounds it and without."""
        requant = lowered.requant
        assert requant is not None
        left, right = (
            (kind.low - zero, kind.high - zero)
            for kind, zero in zip(types, lowered.attrs["zeros"], strict=True)
        )
        factor, half = int(requant.multiplier[0]), (1 << requant.shift) >> 1
        ends = [a * b * factor for a in left for b in right]
        # A product passes through as the first factor times the multiplier.
        ends += [a * factor for a in left]
        return min(0, *ends), max(0, *ends) + half

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``mul`` work."""
        return pointwise_work("mul", inputs)


OP = Mul()
