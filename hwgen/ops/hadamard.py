"""An orthogonal transform of each row: what spreads the outliers of a few channels over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import frexp, sqrt
from typing import ClassVar

import numpy as np

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
from hwgen.ops.orthogonal import factors, hadamard, signs, transform
from hwgen.ops.rows import channels_last, row_work
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Work

__all__ = ["OP", "Hadamard", "HadamardParams"]

_MOST = 1 << 14
"""Most elements of a row."""

_MOST_SHIFT = 47
_FACTOR_BITS = 3
"""Bits of the final factor, 4 to 7: two additions in hardware instead of a multiplier."""


class HadamardParams(OpParams):
    """hadamard has no spec keys of its own."""


class Hadamard(Op):
    """``(x * signs) @ H / sqrt(n)`` over the channels of each place, ``H`` of +1 and -1.

    ``H`` is Paley's matrix of order 12 or 20, or none, times Sylvester's of order ``2**k``
    (Kronecker product); the signs are those of :func:`hwgen.ops.orthogonal.signs`.
    """

    name: ClassVar[str] = "hadamard"
    summary: ClassVar[str] = "Hadamard transform of each row, orthogonal: additions alone"
    Params: ClassVar[type[OpParams]] = HadamardParams
    row_by_row: ClassVar[bool] = True
    max_acc_bits: ClassVar[int] = 47
    example: ClassVar[str] = "{name: y, op: hadamard, in: x}"

    def shape(self, params: HadamardParams, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        features = inputs[0][channel_axis(inputs[0])]
        if factors(features) is None or features > _MOST:
            raise ParamError(
                f"hadamard of rows of {features} elements",
                key="in",
                hint=f"2**k, 12 * 2**k or 20 * 2**k elements, 2 to {_MOST}",
            )
        return inputs[0]

    def real(
        self, params: HadamardParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the transformed rows in float64."""
        rows: Real = channels_last(inputs[0])
        matrix = transform(rows.shape[-1])
        assert matrix is not None
        return channels_last(rows @ matrix)

    def out_type(
        self,
        params: HadamardParams,
        inputs: Sequence[QType],
        proposed: QType,
        shapes: Sequence[Shape],
    ) -> QType:
        """Return symmetric codes of the calibrated width.

        Their step is next to the calibrated one among those that a factor of 3 bits and a shift
        make of the sums: at most 1/8 away.
        """
        root = sqrt(shapes[0][channel_axis(shapes[0])])
        half, zero = 1 << (proposed.bits - 1), proposed.zero_point
        steps = max((proposed.high - zero) / (half - 1), (zero - proposed.low) / half)
        wanted = steps * proposed.scale
        factor, shift = _nearest(inputs[0].scale / (root * wanted))
        return QType(proposed.bits, signed=True, scale=inputs[0].scale / root / factor * 2.0**shift)

    def lower(
        self,
        params: HadamardParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the signs, and factor and shift that end a sum."""
        features = shapes[0][channel_axis(shapes[0])]
        factor, shift = _nearest(types[0].scale / (sqrt(features) * out.scale))
        return Lowered(
            attrs={"features": features, "zero": types[0].zero_point},
            constants={"sign": signs(features)},
            requant=Requant(
                multiplier=np.array([factor], dtype=np.int64),
                shift=shift,
                zero_point=0,
                low=out.low,
                high=out.high,
                offset=np.zeros(1, dtype=np.int64),
            ),
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the codes: exact sums, one rounding."""
        requant = lowered.requant
        assert requant is not None
        rows: Int = channels_last(inputs[0])
        sums = _sums((rows - lowered.attrs["zero"]) * lowered.constants["sign"])
        return channels_last(requant.apply(sums))

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of the sums."""
        zero = lowered.attrs["zero"]
        most = lowered.attrs["features"] * max(types[0].high - zero, zero - types[0].low)
        return -most, most

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``hadamard`` work."""
        return row_work("hadamard", inputs[0])


def _nearest(ratio: float) -> tuple[int, int]:
    """Return ``factor`` in [4, 7] and ``shift`` with ``factor / 2**shift`` next to a ratio."""
    mantissa, exponent = frexp(ratio)
    factor, shift = round(mantissa * (1 << _FACTOR_BITS)), _FACTOR_BITS - exponent
    if factor == 1 << _FACTOR_BITS:
        factor, shift = factor >> 1, shift - 1
    if shift < 0:
        return (1 << _FACTOR_BITS) - 1, 0
    return factor, min(_MOST_SHIFT, shift)


def _sums(rows: Int) -> Int:
    """Return rows times ``H``: sum and difference of two halves at a time, then the small order."""
    size = rows.shape[-1]
    split = factors(size)
    assert split is not None
    order, doublings = split
    parts = rows.reshape(-1, order, 1 << doublings)
    for k in range(doublings):
        pairs = parts.reshape(len(parts), order, -1, 2, 1 << k)
        first, second = pairs[..., 0, :], pairs[..., 1, :]
        parts = np.stack([first + second, first - second], axis=-2).reshape(parts.shape)
    if order > 1:
        matrix = hadamard(order)
        assert matrix is not None
        parts = np.einsum("nik,ij->njk", parts, matrix.astype(np.int64))
    sums: Int = parts.reshape(rows.shape)
    return sums


OP = Hadamard()
