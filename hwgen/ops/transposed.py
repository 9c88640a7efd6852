"""What transposed convolutions share: their phases, and the length of the result.

Element ``n`` of the result is the sum over ``j`` and ``i`` with ``i * stride + j = n + before``.
Written for ``n = stride * q + b`` that is an ordinary convolution for each phase ``b``, whose taps
are every ``stride``-th one of the kernel: the zeros of an up-sampled input are never multiplied.
The results of a position ``q`` are its phases one after the other, which is the order of the
result's elements.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, ParamError, Real

__all__ = ["Phases", "folded", "out_length", "phases_of", "uncut", "unfolded"]


@dataclass(frozen=True)
class Phases:
    """Taps of each phase, counted from the element that the position stands at.

    Parameters
    ----------
    stride
        Phases of a position.
    halves
        1, or 2: the second half of the phases looks one element further than the first.
    first
        Element of tap 0 of the first half, relative to the position.
    taps
        Taps of each phase; those that its part of the kernel does not reach have zero weights.
    sources
        By phase: (tap, index in the kernel) of each that has a weight.
    """

    stride: int
    halves: int
    first: int
    taps: int
    sources: tuple[tuple[tuple[int, int], ...], ...]


def phases_of(kernel: int, stride: int, before: int, *, halves: bool = True) -> Phases:
    """Return the phases of a kernel, arranged so that the fewest taps are zero.

    Parameters
    ----------
    halves
        Whether the second half may look one element further.
    """
    reads = []  # by phase: (element relative to the position, index in the kernel)
    for phase in range(stride):
        start, index = divmod(phase + before, stride)
        reads.append([(start - m, j) for m, j in enumerate(range(index, kernel, stride))])
    best = None
    for parts in (1, 2) if halves and stride % 2 == 0 else (1,):
        late = [phase * parts // stride for phase in range(stride)]
        places = [t - late[b] for b, read in enumerate(reads) for t, _ in read]
        first, taps = min(places), max(places) - min(places) + 1
        sources = tuple(
            tuple((t - late[b] - first, j) for t, j in read) for b, read in enumerate(reads)
        )
        if best is None or taps < best.taps:
            best = Phases(stride, parts, first, taps, sources)
    assert best is not None
    return best


def folded(weight: Real, phases: Phases) -> Real:
    """Return (inputs, outputs, ..., kernel) as (phases, outputs, inputs, ..., taps)."""
    turned = np.moveaxis(weight, 1, 0)
    result: Real = np.zeros((phases.stride, *turned.shape[:-1], phases.taps))
    for phase, sources in enumerate(phases.sources):
        for tap, index in sources:
            result[phase, ..., tap] = turned[..., index]
    return result


def unfolded(turned: Real, phases: Phases, kernel: int) -> Real:
    """Return what :func:`folded` was made from."""
    result: Real = np.zeros((*turned.shape[1:-1], kernel))
    for phase, sources in enumerate(phases.sources):
        for tap, index in sources:
            result[..., index] = turned[phase, ..., tap]
    return np.moveaxis(result, 1, 0)


def uncut(streamed: Lowered) -> Lowered:
    """Return a streamed transposed convolution whose result begins with the full one's first token.

    So a position is complete with the token that it stands at.  Its phases are the offline ones in
    another order, with taps that end there; those with no weight move to the other side.

    Parameters
    ----------
    streamed
        With ``history``: the tokens that the taps reach back over.
    """
    attrs, weight, requant = streamed.attrs, streamed.constants["weight"], streamed.requant
    stride, history = attrs["stride"], attrs["history"]
    assert requant is not None
    offline = weight.reshape(stride, -1, *weight.shape[1:])
    turned: Int = np.zeros((*offline.shape[:-1], history + 1), np.int64)
    order = []
    for phase in range(stride):
        ahead, offline_phase = divmod(phase - attrs["before"], stride)
        order.append(offline_phase)
        start = attrs["first"] + offline_phase * attrs["halves"] // stride + ahead + history
        for tap in range(weight.shape[-1]):
            if 0 <= start + tap <= history:
                turned[phase, ..., start + tap] = offline[offline_phase, ..., tap]

    def reordered(values: Int) -> Int:
        return values.reshape(stride, -1)[order].reshape(-1) if values.size > 1 else values

    return replace(
        streamed,
        attrs={**attrs, "halves": 1, "first": -history, "more": 0},
        constants={
            "weight": turned.reshape(-1, *turned.shape[2:]),
            "bias": reordered(streamed.constants["bias"]),
        },
        requant=replace(
            requant,
            multiplier=reordered(requant.multiplier),
            offset=reordered(requant.offset),
        ),
    )


def out_length(
    unit: str, size: int, kernel: int, stride: int, sides: tuple[int, int], extra: int
) -> int:
    """Return ``(size - 1) * stride + kernel - sum(sides) + extra``.

    Parameters
    ----------
    unit
        What is counted: tokens, rows or columns.
    extra
        Output padding.

    Raises
    ------
    ParamError
        If that is not positive or no multiple of the stride, or a side or the output padding is
        too large.
    """
    if max(sides) >= kernel:
        raise ParamError(
            f"padding {max(sides)} is not smaller than the kernel's {kernel}",
            key="padding",
            hint=f"0 to {kernel - 1}",
        )
    if extra >= stride:
        raise ParamError(
            f"output_padding {extra} is not smaller than the stride {stride}",
            key="output_padding",
            hint=f"0 to {stride - 1}",
        )
    full = (size - 1) * stride + kernel
    out = full - sum(sides) + extra
    if out < 1:
        raise ParamError(
            f"padding {sides[0]}+{sides[1]} leaves {out} of {full} {unit}",
            key="padding",
            hint=f"together less than {full + extra}",
        )
    if out % stride:
        raise ParamError(
            f"a result of {out} {unit} is no whole number of strides of {stride}",
            key="output_padding",
            hint=f"output_padding: {(sum(sides) - full) % stride}",
        )
    return out
