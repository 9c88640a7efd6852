"""The integer primitives of the arithmetic contract: one definition of rounding and saturation.

All arrays are int64 that hold codes of at most 48 bits, so that no operation here can overflow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Int", "bits_for", "round_shift", "saturate", "wrap"]

Int = npt.NDArray[np.int64]


def round_shift(value: Int, shift: int) -> Int:
    """Return ``floor(value / 2**shift + 1/2)``: an arithmetic shift that rounds half up.

    Examples
    --------
    >>> round_shift(np.array([-6, -5, 5, 6]), 2)
    array([-1, -1,  1,  2])
    """
    half = (1 << shift) >> 1
    shifted: Int = (value + half) >> shift
    return shifted


def saturate(value: Int, low: int, high: int) -> Int:
    """Return ``value`` clamped to ``[low, high]``, both inclusive."""
    clamped: Int = np.clip(value, low, high)
    return clamped


def wrap(value: Int, bits: int) -> Int:
    """Return what an accumulator of so many bits makes of ``value``: two's complement.

    Of a sum it does not matter in which order its terms are added.

    Examples
    --------
    >>> wrap(np.array([-129, -128, 127, 128, 300]), 8)
    array([ 127, -128,  127, -128,   44])
    """
    half = 1 << (bits - 1)
    wrapped: Int = ((value + half) & ((1 << bits) - 1)) - half
    return wrapped


def bits_for(low: int, high: int) -> int:
    """Return the width in bits of the narrowest signed integer that holds ``[low, high]``.

    Examples
    --------
    >>> bits_for(-8, 7), bits_for(0, 8), bits_for(-1, -1)
    (4, 5, 1)
    """
    return max((~end if end < 0 else end).bit_length() for end in (low, high)) + 1
