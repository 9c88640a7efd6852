"""From real scale ratios to the 16-bit multipliers and the shift of a requantisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwgen.ops.arithmetic import Int, saturate
from hwgen.ops.base import Lowered, Real
from hwgen.ops.types import QType, Requant

__all__ = ["MAX_SHIFT", "encode", "fixed_point", "identity", "in_order", "rescale"]

MAX_SHIFT = 47
"""Largest shift; 32-bit sums times 16-bit multipliers have 48 bits."""


def encode(real: Real, kind: QType) -> Int:
    """Return codes of real values: rounded half up, saturated."""
    scaled = np.floor(np.asarray(real, dtype=np.float64) / kind.scale + 0.5)
    limited = np.clip(scaled, kind.low - kind.zero_point, kind.high - kind.zero_point)
    return saturate(limited.astype(np.int64) + kind.zero_point, kind.low, kind.high)


def fixed_point(ratios: Real) -> tuple[Int, int]:
    """Return multipliers ``M`` in [0, 2**16) and one shift ``s`` with ``M / 2**s ~ ratios``.

    The shift is the largest that keeps the largest multiplier below 2**16, so that its
    relative error is at most 2**-16.  A ratio of 2**16 or more (one step of the input is more
    than every code of the output) gets the largest multiplier.

    Parameters
    ----------
    ratios
        Non-negative input scale / output scale, shape (n,).

    Examples
    --------
    >>> fixed_point(np.array([0.5, 0.25]))
    (array([32768, 16384]), 16)
    >>> fixed_point(np.array([1.0]))
    (array([32768]), 15)
    """
    top = float(np.max(ratios, initial=0.0))
    if top == 0.0:
        return np.zeros(ratios.shape, dtype=np.int64), 0
    exponent = int(np.frexp(top)[1])  # top = m * 2**exponent with m in [0.5, 1)
    shift = min(max(16 - exponent, 0), MAX_SHIFT)
    if shift and np.floor(np.ldexp(top, shift) + 0.5) >= 1 << 16:
        shift -= 1
    scaled = np.floor(np.ldexp(np.minimum(ratios, 1 << 17), shift) + 0.5)
    return np.minimum(scaled, (1 << 16) - 1).astype(np.int64), shift


def identity(out: QType, inputs: int = 1, *, relu: bool = False) -> Requant:
    """Return a requantisation that changes no code but for the clamp of a ReLU."""
    return Requant(
        multiplier=np.ones(inputs, dtype=np.int64),
        shift=0,
        zero_point=0,
        low=out.zero_point if relu else out.low,
        high=out.high,
        offset=np.zeros(inputs, dtype=np.int64),
    )


def in_order(lowered: Lowered, order: Sequence[int]) -> Lowered:
    """Return an op that rescales each of its inputs, with these inputs in another order."""
    requant, turned = lowered.requant, list(order)
    assert requant is not None
    factors, offsets = requant.multiplier[turned], requant.offset[turned]
    return replace(lowered, requant=replace(requant, multiplier=factors, offset=offsets))


def rescale(types: Sequence[QType], out: QType, *, relu: bool = False, terms: int = 1) -> Requant:
    """Return the requantisation from codes of ``types`` to codes of ``out``.

    Parameters
    ----------
    types
        One type per factor.
    relu
        Clamp at the code of zero.
    terms
        Codes that are summed before scaling by ``1 / terms``: a mean.

    Returns
    -------
    Requant
        ``offset`` holds ``-zero_point * terms * M`` of every input, shape (n,); the exact
        identity if every input has the output's type.
    """
    if terms == 1 and all(item == out for item in types):
        return identity(out, len(types), relu=relu)
    ratios = np.array([item.scale / (terms * out.scale) for item in types])
    multiplier, shift = fixed_point(ratios)
    zeros = np.array([item.zero_point for item in types], dtype=np.int64)
    return Requant(
        multiplier=multiplier,
        shift=shift,
        zero_point=out.zero_point,
        low=out.zero_point if relu else out.low,
        high=out.high,
        offset=-zeros * terms * multiplier,
    )
