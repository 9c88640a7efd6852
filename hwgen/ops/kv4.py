"""Keys and values of four bits: how a row is rounded, and what its scale does to attention.

The rules are in ``docs/attention.md``, under "Keys and values of four bits".
"""

from __future__ import annotations

import numpy as np

from hwgen.ops.arithmetic import Int, round_shift
from hwgen.ops.tile_exponent import FRACTION

__all__ = ["LEVELS", "WHOLE", "key_multipliers", "pack", "value_logs"]

LEVELS = 7
"""Codes are in [-7, 7]."""

WHOLE = 128
"""Size of a row of values that weighs as much as its numerator."""

KEY_UNIT = 8
"""Sizes of keys are in units of 2**8 of the factor of the logits."""

_INVERSE_BITS = 16
_SIZES = np.arange(2 * WHOLE, dtype=np.float64)
_SIZES[:LEVELS] = LEVELS  # such rows fit as they are

INVERSE: Int = np.floor((LEVELS << _INVERSE_BITS) / _SIZES + 0.5).astype(np.int64)
"""``W[a] = floor(7 * 2**16 / a + 0.5)``, 17 bits."""

LOGS: Int = np.floor((1 << FRACTION) * np.log2(WHOLE / _SIZES[: WHOLE + 1]) + 0.5).astype(np.int64)
"""``Z[a] = floor(64 * log2(128 / a) + 0.5)``, 0 to 268."""


def pack(rows: Int) -> tuple[Int, Int]:
    """Return the 4-bit codes of rows (..., elements) and the rows' sizes (...).

    Parameters
    ----------
    rows
        In [-255, 255].
    """
    sizes = np.maximum(np.abs(rows).max(axis=-1), LEVELS)
    return round_shift(rows * INVERSE[sizes][..., None], _INVERSE_BITS), sizes


def key_multipliers(sizes: Int, multiplier: int) -> Int:
    """Return ``M`` of each key, below 2**16, from the factor of the logits."""
    return round_shift(sizes * multiplier, KEY_UNIT)


def value_logs(sizes: Int) -> Int:
    """Return how far the logarithm of each numerator is lowered by its value's size, in 1/64."""
    return LOGS[sizes]
