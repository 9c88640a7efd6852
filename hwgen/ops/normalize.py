"""What layer_norm and rms_norm share: exact sums, an integer reciprocal square root, two roundings.

The rules are in ``docs/arithmetic.md``; its letters are those of the code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int, round_shift
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape, channel_axis
from hwgen.ops.rows import channels_last, row_work, shift_each
from hwgen.ops.scaling import fixed_point
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Work

__all__ = ["FRACTION", "Normalize", "NormalizeParams", "reciprocal_root"]

FRACTION = 12
"""Fraction bits of a normalised element."""

ROOT_BITS = 17
"""Bits of a reciprocal root."""

SPREAD_BITS = 62
"""Bits of ``n**2`` times a row's variance, epsilon included."""

_MANTISSA = 20  # bits of it that the root looks at
_MOST_SHIFT = 28  # more bits of a gain change no code: elements are below 2**20
_FARTHEST = float(1 << 18)  # an addend beyond this saturates every code there is


def reciprocal_root(spread: Int) -> tuple[Int, Int]:
    """Return ``r`` and ``h`` with ``r * 2**-(16 + h)`` at most, and nearly, ``1 / sqrt(spread)``.

    ``h`` is half the bits of ``spread``, rounded up; ``r`` the integer part of the reciprocal
    root of its upper 20 bits, in [2**16, 2**17); relative error below ``2**-15``.  Of 0 it is
    the largest ``r``.

    Parameters
    ----------
    spread
        In [0, 2**62).
    """
    mantissa = spread
    half = np.full(spread.shape, SPREAD_BITS // 2, dtype=np.int64)
    for step in (32, 16, 8, 4, 2):
        low = mantissa < np.int64(1) << (SPREAD_BITS - step)
        mantissa = np.where(low, mantissa << step, mantissa)
        half = np.where(low, half - step // 2, half)
    mantissa = np.maximum(mantissa >> (SPREAD_BITS - _MANTISSA), 0)
    square = ((1 << (2 * ROOT_BITS + _MANTISSA - 2)) - 1) // np.maximum(mantissa, 1)
    # Exact: the root of an integer below 2**52 is never rounded up to the next integer.
    root = np.floor(np.sqrt(square.astype(np.float64))).astype(np.int64)
    return np.minimum(root, (1 << ROOT_BITS) - 1), half


class NormalizeParams(OpParams):
    """Spec keys of a normalisation."""

    eps: float = Field(
        1e-5, ge=1e-12, le=1e6, description="added to the variance (mean square) under the root"
    )


class Normalize(Op):
    """Each row by its root mean square, after its mean is subtracted if ``centered``."""

    centered: ClassVar[bool]
    max_acc_bits: ClassVar[int] = SPREAD_BITS + 1
    row_by_row: ClassVar[bool] = True

    def shape(self, params: Any, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        return inputs[0]

    def weights(self, params: Any, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` (features,)."""
        return {"weight": (inputs[0][channel_axis(inputs[0])],)}

    def real(self, params: Any, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return the normalised rows in float64."""
        rows: Real = channels_last(inputs[0])
        if self.centered:
            rows = rows - rows.mean(axis=-1, keepdims=True)
        power = np.mean(rows * rows, axis=-1, keepdims=True) + params.eps
        rows = rows / np.sqrt(power) * weights["weight"]
        return channels_last(rows + weights.get("bias", 0.0))

    def lower(
        self,
        params: Any,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return a signed 17-bit gain and an addend per channel, and epsilon in codes."""
        weight = weights["weight"]
        count = len(weight)
        epsilon = floor(min(params.eps * (count / types[0].scale) ** 2 + 0.5, 2.0**SPREAD_BITS))
        factor, shift = fixed_point(np.abs(weight) / (out.scale * (1 << FRACTION)))
        if shift > _MOST_SHIFT:
            factor, shift = round_shift(factor, shift - _MOST_SHIFT), _MOST_SHIFT
        beta = np.clip(weights.get("bias", np.zeros(count)) / out.scale, -_FARTHEST, _FARTHEST)
        return Lowered(
            attrs={
                "features": count,
                "centered": self.centered,
                "zero": types[0].zero_point,
                "epsilon": epsilon,
            },
            constants={
                "gain": np.where(weight < 0, -factor, factor),
                "addend": np.floor(np.ldexp(beta, shift) + 0.5).astype(np.int64),
            },
            requant=Requant(
                multiplier=np.ones(1, dtype=np.int64),
                shift=shift,
                zero_point=out.zero_point,
                low=out.low,
                high=out.high,
                offset=np.zeros(1, dtype=np.int64),
            ),
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the codes: exact sums, one rounding of an element, one of the result."""
        requant, attrs = lowered.requant, lowered.attrs
        assert requant is not None
        count: int = attrs["features"]
        rows: Int = channels_last(inputs[0]) - attrs["zero"]
        total = rows.sum(axis=-1, keepdims=True) * int(attrs["centered"])
        squares = (rows * rows).sum(axis=-1, keepdims=True)
        spread = count * squares - total * total + attrs["epsilon"]
        root, half = reciprocal_root(spread)
        normal = shift_each((count * rows - total) * root, half + (16 - FRACTION))
        return channels_last(
            requant.finish(normal * lowered.constants["gain"] + lowered.constants["addend"])
        )

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of ``n`` times the sum of squares, epsilon included, and its parts."""
        attrs, kind = lowered.attrs, types[0]
        largest = max(abs(kind.low - attrs["zero"]), abs(kind.high - attrs["zero"]))
        power = (attrs["features"] * largest) ** 2
        return -power, power + attrs["epsilon"]

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``norm`` work."""
        return row_work("norm", inputs[0])
