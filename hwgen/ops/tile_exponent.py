"""The arithmetic of attention: one pass over tiles of keys, each with an exponent of its own.

The rules are in ``docs/attention.md``; the numbers of its list are those in the comments here.
Every array is int64; the letters are those of the rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwgen.ops.arithmetic import Int, round_shift, saturate
from hwgen.ops.events import clamped

__all__ = [
    "EMPTY",
    "FRACTION",
    "RESULT_SHIFT",
    "TABLE",
    "Y_LIMIT",
    "Seen",
    "State",
    "logits",
    "numerators",
    "tile_exponent",
]

Seen = npt.NDArray[np.bool_]
"""Which keys a query sees."""

EMPTY = -2048
"""Exponent of a query, or of a tile, that has seen no key."""

FRACTION = 6
"""Fraction bits of a base-2 logarithm ``y``."""

Y_LIMIT = 2047 << FRACTION
"""Logarithms are clamped to ``[-Y_LIMIT, Y_LIMIT]``: 18 bits."""

RESULT_SHIFT = 16
"""Fraction bits of a finished result, in codes of the values."""

_FULL = 4080  # 255 * 2**4: the largest numerator with four fraction bits
_FARTHEST = 9  # octaves below the tile's exponent at which a numerator still counts
_FEED = 8  # fraction bits with which a tile enters the state
_CARRY = 1 << 23  # a denominator from here on is halved first
_WIDEST = 31  # a shift beyond this leaves nothing

TABLE: Int = np.floor(_FULL * 2.0 ** (-np.arange(1 << FRACTION) / (1 << FRACTION)) + 0.5).astype(
    np.int64
)
"""``T[r] = floor(4080 * 2**(-r / 64) + 0.5)``, 12 bits; no entry is near a half."""


def logits(scores: Int, multiplier: Int | int, shift: int, seen: Seen | None = None) -> Int:
    """Return the base-2 logarithms ``y`` of scores in 1/64 (rule 1).

    Parameters
    ----------
    scores
        Exact products of query and key.
    multiplier, shift
        ``M`` in [0, 2**16), one for all or one for each score, and ``s``.
    seen
        Keys whose clamping counts; of a shape that broadcasts.
    """
    exact = round_shift(scores * multiplier, shift)
    if seen is not None:
        clamped(exact, Y_LIMIT, seen)
    return saturate(exact, -Y_LIMIT, Y_LIMIT)


def tile_exponent(y: Int, seen: Seen) -> Int:
    """Return ``m`` over the last axis, the keys of a tile (rule 2).

    Parameters
    ----------
    y
        Logarithms (..., keys).
    seen
        Which keys the query sees, of a shape that broadcasts to ``y``.
    """
    largest = np.where(seen, y, EMPTY << FRACTION).max(axis=-1)
    exponent: Int = (largest + (1 << FRACTION) - 1) >> FRACTION
    return exponent


def numerators(y: Int, exponent: Int, seen: Seen) -> Int:
    """Return ``P`` (rule 3): ``255 * 2**(y / 64 - exponent)``, 8 bits, 0 for unseen keys.

    Parameters
    ----------
    y
        Logarithms (..., keys).
    exponent
        ``m`` (...), at least each seen ``y / 64``.
    """
    distance = (exponent[..., None] << FRACTION) - y
    octaves = distance >> FRACTION
    counts = np.logical_and(seen, octaves <= _FARTHEST)
    octaves = np.where(counts, octaves, 0)
    entries = TABLE[distance & ((1 << FRACTION) - 1)]
    return np.where(counts, (entries + (1 << (octaves + 3))) >> (octaves + 4), 0)


@dataclass(frozen=True, eq=False)
class State:
    """What is kept of the keys seen so far, for each of an array of queries.

    Parameters
    ----------
    sums
        ``O`` (..., features), s32.
    total
        ``l`` (...), u24: the denominator, 8 fraction bits.
    exponent
        ``e`` (...), s13: both are relative to ``2**e``.
    """

    sums: Int
    total: Int
    exponent: Int

    @classmethod
    def empty(cls, shape: tuple[int, ...], features: int) -> State:
        """Return the state of queries that have seen nothing."""
        return cls(
            np.zeros((*shape, features), np.int64),
            np.zeros(shape, np.int64),
            np.full(shape, EMPTY, np.int64),
        )

    @property
    def masked(self) -> Seen:
        """Queries that have seen no key."""
        nothing: Seen = self.exponent == EMPTY
        return nothing

    def visit(self, y: Int, seen: Seen, values: Int, lowered: Int | None = None) -> State:
        """Return the state of (..., queries) after a tile (rules 2 to 5).

        Parameters
        ----------
        y
            Logarithms (..., queries, keys).
        seen
            Of a shape that broadcasts to ``y``.
        values
            Codes (..., keys, features), in [-128, 127]; what stands before broadcasts.
        lowered
            How much less each key counts for the values than for the total, in 1/64 octaves.
        """
        exponent = tile_exponent(y, seen)
        parts = numerators(y, exponent, seen)
        total = parts.sum(axis=-1)
        if lowered is not None:
            parts = numerators(y - lowered, exponent, seen)
        # 64 keys * 255 * 128 < 2**24: the floating-point product is exact, and far faster.
        sums = parts.astype(np.float32) @ values.astype(np.float32)
        return self.add(exponent, total, sums.astype(np.int64))

    def add(self, exponent: Int, total: Int, sums: Int) -> State:
        """Return the state with a tile's ``m``, ``L`` (...) and ``p`` (..., features) (rule 5)."""
        over = (self.total >= _CARRY).astype(np.int64)
        joint = np.where(
            exponent == EMPTY, self.exponent, np.maximum(self.exponent + over, exponent)
        )
        old = joint - self.exponent
        new = np.where(exponent == EMPTY, _WIDEST + 1, joint - exponent)
        return State(
            _shifted(self.sums, old[..., None]) + _shifted(sums << _FEED, new[..., None]),
            _shifted(self.total, old) + _shifted(total << _FEED, new),
            joint,
        )

    def finish(self) -> Int:
        """Return ``t`` (..., features): results times 2**16; 0 where nothing was seen (rule 6)."""
        total = np.where(self.masked, 1, self.total)
        log = np.frexp(total.astype(np.float64))[1].astype(np.int64) - 1  # floor(log2 l)
        reciprocal = (1 << (log + RESULT_SHIFT + 1)) // total
        return _rounded(self.sums * reciprocal[..., None], (log + 1)[..., None])


def _rounded(value: Int, shift: Int) -> Int:
    """Return ``round_shift`` with a shift per element."""
    half = (np.int64(1) << shift) >> 1
    result: Int = (value + half) >> shift
    return result


def _shifted(value: Int, shift: Int) -> Int:
    """Return ``rs``: ``round_shift`` with a shift per element, 0 beyond 31."""
    return np.where(shift > _WIDEST, 0, _rounded(value, np.minimum(shift, _WIDEST)))
