"""Softmax of each row, with base-2 logarithms and one division."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from hwgen.ops.arithmetic import Int, round_shift
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
from hwgen.ops.params import MAX_SIZE
from hwgen.ops.rows import channels_last, row_work, shift_each
from hwgen.ops.scaling import fixed_point
from hwgen.ops.tile_exponent import FRACTION, TABLE, logits
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Work

__all__ = ["OP", "Softmax", "SoftmaxParams"]

_EXTRA = 4
"""Bits of a numerator beyond those of the table: 16 in all."""

_NOTHING = 17  # octaves below the row's exponent at which a numerator rounds to 0
_LEAST = 15  # floor(log2) of the smallest denominator: the largest element's numerator
_MOST_SHIFT = 32
_LOG2E = float(np.log2(np.e))


class SoftmaxParams(OpParams):
    """softmax has no spec keys of its own."""


class Softmax(Op):
    """``exp(x) / sum(exp(x))`` over the channels of each place."""

    name: ClassVar[str] = "softmax"
    summary: ClassVar[str] = "softmax of each row; attention has its own"
    Params: ClassVar[type[OpParams]] = SoftmaxParams
    max_acc_bits: ClassVar[int] = 33
    row_by_row: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: softmax, in: x}"

    def shape(self, params: SoftmaxParams, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        features = inputs[0][channel_axis(inputs[0])]
        if features > MAX_SIZE:
            raise ParamError(
                f"softmax of rows of {features} elements", key="in", hint=f"at most {MAX_SIZE}"
            )
        return inputs[0]

    def real(
        self, params: SoftmaxParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the shares in float64."""
        rows: Real = channels_last(inputs[0])
        power = np.exp(rows - rows.max(axis=-1, keepdims=True))
        return channels_last(power / power.sum(axis=-1, keepdims=True))

    def lower(
        self,
        params: SoftmaxParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the factor of the logarithm, and that of the result in 2**-16."""
        (multiplier,), shift = fixed_point(np.array([types[0].scale * _LOG2E * (1 << FRACTION)]))
        factor, final = fixed_point(np.array([1 / (out.scale * (1 << 16))]))
        if final > _MOST_SHIFT:
            factor, final = round_shift(factor, final - _MOST_SHIFT), _MOST_SHIFT
        return Lowered(
            attrs={
                "features": shapes[0][channel_axis(shapes[0])],
                "zero": types[0].zero_point,
                "log_multiplier": int(multiplier),
                "log_shift": shift,
            },
            requant=Requant(
                multiplier=factor,
                shift=final,
                zero_point=out.zero_point,
                low=out.low,
                high=out.high,
                offset=np.zeros(1, dtype=np.int64),
            ),
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the codes: numerators of 16 bits, one division per row, one final rounding."""
        requant, attrs = lowered.requant, lowered.attrs
        assert requant is not None
        rows: Int = channels_last(inputs[0]) - attrs["zero"]
        y = logits(rows, attrs["log_multiplier"], attrs["log_shift"])
        whole = (1 << FRACTION) - 1
        exponent = (y.max(axis=-1, keepdims=True) + whole) >> FRACTION
        distance = (exponent << FRACTION) - y
        octaves = np.minimum(distance >> FRACTION, _NOTHING)
        parts = shift_each(TABLE[distance & whole] << _EXTRA, octaves)
        total = parts.sum(axis=-1, keepdims=True)
        log = np.frexp(total.astype(np.float64))[1].astype(np.int64) - 1  # floor(log2(total))
        reciprocal = (np.int64(1) << (log + 17)) // total
        factor = round_shift(reciprocal * requant.multiplier, 16)
        share = shift_each(parts * factor, log - _LEAST + requant.shift)
        return channels_last(np.clip(share + requant.zero_point, requant.low, requant.high))

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of the sum of a row's numerators."""
        return 0, int(lowered.attrs["features"]) * (int(TABLE[0]) << _EXTRA)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``softmax`` work."""
        return row_work("softmax", inputs[0])


OP = Softmax()
