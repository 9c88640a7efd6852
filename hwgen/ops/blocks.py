"""Operands of 4 and 8 bits in blocks of channels: mixed precision as in COMET's FMPQ.

Liu et al., "COMET: Towards Practical W4A4KV4 LLMs Serving", arXiv 2410.12168, section 3.  A
block has 4 bits unless one of its channels needs more; channels are put in an order that gathers
those in few blocks.  Here the scales of blocks differ by powers of two, so that a sum over all
blocks is one integer accumulator with shifts in it, and nothing else.

An operand of 8 bits is two digits of 4 bits, ``16 * upper + lower``, which one array of 4-bit
multipliers takes one after the other.  Both digits of a signed one are signed, in [-8, 7], so it
reaches from -136 to 119; -128 to 119 of that are used.

A weight of more than 4 bits is two digits as well, ``15 * upper + lower``, both in [-7, 7], the
range of a weight of 4 bits; together they are every integer from -112 to 112.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwgen.ops.arithmetic import Int, round_shift, saturate

__all__ = [
    "WEIGHT_BITS",
    "WIDTHS",
    "Blocks",
    "operand_range",
    "passes",
    "weight_digits",
    "weight_reach",
]

WIDTHS = (4, 8)
"""Bits that a block can have."""

WEIGHT_BITS = 8
"""Most bits of a weight."""


def operand_range(bits: int, signed: bool) -> tuple[int, int]:
    """Return the least and the largest operand of a block.

    Examples
    --------
    >>> operand_range(4, True), operand_range(8, True), operand_range(8, False)
    ((-8, 7), (-128, 119), (0, 255))
    """
    if not signed:
        return 0, (1 << bits) - 1
    return -(1 << (bits - 1)), 7 if bits == 4 else 16 * 7 + 7


def weight_digits(bits: int) -> int:
    """Return the digits of a weight of up to :data:`WEIGHT_BITS`.

    Examples
    --------
    >>> weight_digits(3), weight_digits(4), weight_digits(8)
    (1, 1, 2)
    """
    return 1 if bits <= 4 else 2


def weight_reach(bits: int) -> int:
    """Return the largest magnitude of a weight whose digits are in [-7, 7].

    Examples
    --------
    >>> weight_reach(4), weight_reach(8)
    (7, 112)
    """
    return 7 if weight_digits(bits) == 1 else 15 * 7 + 7


def passes(bits: Sequence[int]) -> int:
    """Return how often an array of 4-bit multipliers takes a block's channels, blocks summed.

    Examples
    --------
    >>> passes((8, 4, 4, 4))
    5
    """
    return sum(width // 4 for width in bits)


@dataclass(frozen=True, eq=False)
class Blocks:
    """What each channel of a layer's input is rounded to.

    Parameters
    ----------
    order
        The channel at each place, (channels,); a block is ``size`` places that follow each other.
    size
        Channels of a block.
    bits, shifts
        Per block: 4 or 8 bits, and the power of two of its step, in steps of the input's codes.
    signed
        Whether the input's codes are.
    zero_point
        Of the input's codes.
    """

    order: Int
    size: int
    bits: tuple[int, ...]
    shifts: tuple[int, ...]
    signed: bool
    zero_point: int = 0
    unit: int = field(init=False)
    """Power of two that divides every rounded code and the zero point."""

    def __post_init__(self) -> None:
        """Find the unit."""
        low_bits = self.zero_point & -self.zero_point
        most = low_bits.bit_length() - 1 if low_bits else max(self.shifts)
        object.__setattr__(self, "unit", min(most, *self.shifts))

    @property
    def four(self) -> int:
        """Blocks of 4 bits."""
        return self.bits.count(4)

    def rounded(self, codes: Int) -> Int:
        """Return the codes, channels on the last axis, each a multiple of its block's step.

        ``clamp(round_shift(code, shift), low, high) << shift``: what the operand stands for.
        """
        found = np.empty_like(codes)
        kinds = list(zip(self.bits, self.shifts, strict=True))
        for kind in sorted(set(kinds)):
            places = np.repeat([other == kind for other in kinds], self.size)
            channels = self.order[places]
            bits, shift = kind
            operand = round_shift(codes[..., channels], shift)
            low, high = operand_range(bits, self.signed)
            found[..., channels] = saturate(operand, low, high) << shift
        return found

    def ends(self) -> tuple[Int, Int]:
        """Return the least and the largest rounded code of each channel, in units of the sum."""
        low, high = np.empty_like(self.order), np.empty_like(self.order)
        ranges = [operand_range(bits, self.signed) for bits in self.bits]
        for found, values in zip((low, high), zip(*ranges, strict=True), strict=True):
            ends = np.array(values, np.int64) << (np.array(self.shifts) - self.unit)
            found[self.order] = np.repeat(ends, self.size)
        return low, high

    def attrs(self) -> dict[str, Any]:
        """Return what goes into a node's attributes; :meth:`of` reads it."""
        return {
            "block": self.size,
            "block_bits": self.bits,
            "block_shifts": self.shifts,
            "block_signed": self.signed,
        }

    @classmethod
    def of(cls, attrs: Mapping[str, Any], constants: Mapping[str, Int]) -> Blocks | None:
        """Return the blocks of a node, or None if its operands are codes as they come."""
        if "block" not in attrs:
            return None
        return cls(
            order=constants["order"],
            size=attrs["block"],
            bits=attrs["block_bits"],
            shifts=attrs["block_shifts"],
            signed=attrs["block_signed"],
            zero_point=attrs["pad"],
        )
