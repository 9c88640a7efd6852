"""Orthogonal matrices of +1 and -1, scaled: what spreads a few large channels over all."""

from __future__ import annotations

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real

__all__ = [
    "factors",
    "hadamard",
    "legal_sizes",
    "legal_transform_sizes",
    "rotation",
    "signs",
    "transform",
]

_SEED = 0
_ORDERS = (1, 12, 20)
"""Orders beside 2**k of a matrix with a fast transform: 12 or 20 additions per element."""


def hadamard(size: int) -> Real | None:
    """Return a matrix of +1 and -1 whose rows are orthogonal, or None if this module knows none.

    ``2**k`` (Sylvester 1867), ``q + 1`` for a prime ``q`` with remainder 3 by 4 (Paley 1933), and
    ``2**k`` times such a size.
    """
    doublings = 0
    while True:
        base = size >> doublings
        found = np.ones((1, 1)) if base == 1 else _paley(base)
        if found is not None:
            for _ in range(doublings):
                found = np.block([[found, found], [found, -found]])
            return found
        if base % 2 or base < 2:
            return None
        doublings += 1


def rotation(size: int) -> Real | None:
    """Return an orthogonal matrix, or None for a size without one: :func:`hadamard`.

    The signs of its rows are random, of a fixed seed, so that a mean that all channels share is
    spread as well.
    """
    matrix = hadamard(size)
    if matrix is None:
        return None
    signs = np.random.default_rng(_SEED).choice((-1.0, 1.0), size)
    result: Real = signs[:, None] * matrix / np.sqrt(size)
    return result


def factors(size: int) -> tuple[int, int] | None:
    """Return ``order, k`` with ``size = order * 2**k`` if there is a fast transform, else None.

    Examples
    --------
    >>> factors(384), factors(64), factors(28)
    ((12, 5), (1, 6), None)
    """
    for order in _ORDERS:
        power, rest = divmod(size, order)
        if size > 1 and not rest and power & (power - 1) == 0:
            return order, power.bit_length() - 1
    return None


def signs(size: int) -> Int:
    """Return ``size`` random signs, always the same ones: a mean of all channels is spread, too."""
    drawn: Int = np.random.default_rng(_SEED).choice(np.array([-1, 1], dtype=np.int64), size)
    return drawn


def transform(size: int) -> Real | None:
    """Return the orthogonal matrix of op ``hadamard``, or None: rows times it are the results.

    Signs, then a matrix of order 12 or 20 (Paley) times a power of two (Sylvester, fast).
    """
    split = factors(size)
    if split is None:
        return None
    order, doublings = split
    matrix = np.ones((1, 1)) if order == 1 else _paley(order)
    assert matrix is not None
    for _ in range(doublings):
        matrix = np.kron(matrix, np.array([[1.0, 1.0], [1.0, -1.0]]))
    result: Real = signs(size)[:, None] * matrix / np.sqrt(size)
    return result


def legal_transform_sizes(size: int) -> tuple[int, int]:
    """Return the nearest sizes below (2 at least) and above that have a fast transform."""
    below = above = max(2, size)
    while factors(below) is None:
        below -= 1
    while factors(above) is None:
        above += 1
    return below, above


def legal_sizes(size: int) -> tuple[int, int]:
    """Return the nearest sizes below and above that have a matrix."""
    below, above = size, size
    while hadamard(below) is None:
        below -= 1
    while hadamard(above) is None:
        above += 1
    return below, above


def _paley(size: int) -> Real | None:
    """Return the matrix of Paley's first construction, or None if ``size - 1`` is not fit."""
    prime = size - 1
    if prime % 4 != 3 or any(prime % k == 0 for k in range(2, int(prime**0.5) + 1)):
        return None
    character = -np.ones(prime)
    character[np.arange(prime) ** 2 % prime] = 1.0
    character[0] = 0.0
    places = np.arange(prime)
    core = character[(places[:, None] - places) % prime]
    skew = np.zeros((size, size))
    skew[0, 1:], skew[1:, 0], skew[1:, 1:] = 1.0, -1.0, core
    result: Real = np.eye(size) + skew
    return result
