"""Which linear layers of an array are operand stationary: those that this makes faster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hwgen.ops.work import Work
from hwgen.plan.cost import array_cycles
from hwgen.plan.model import Fold

__all__ = ["WORTH", "array_total", "staying"]

WORTH = 0.02
"""Hardware that is not needed is built if it saves this part of all cycles."""


def array_total(works: Mapping[Work, int], fold: Fold, *, stationary: bool = True) -> int:
    """Return the cycles of an array for each work as often as given, each as fast as can be.

    Parameters
    ----------
    stationary
        Whether layers may be operand stationary.
    """
    cycles = {work: array_cycles(work, fold) for work in works}
    total = sum(count * cycles[work] for work, count in works.items())
    saved = sum(
        count * max(0, cycles[work] - array_cycles(work, replace(fold, stays=True)))
        for work, count in works.items()
        if stationary and work.kind == "mac"
    )
    return total - saved if saved >= WORTH * total else total


def staying(layers: Iterable[tuple[str, Work]], fold: Fold) -> frozenset[str]:
    """Return the linear layers that are operand stationary on an array.

    A layer is what it is for all lengths of a tensor, since they share its weights.

    Parameters
    ----------
    layers
        What an array works on, a pair of the node's name and its work for each length.
    """
    saved: dict[str, int] = {}
    total = 0
    for name, work in layers:
        cycles = array_cycles(work, fold)
        total += cycles
        if work.kind == "mac":
            fewer = cycles - array_cycles(work, replace(fold, stays=True))
            saved[name] = saved.get(name, 0) + fewer
    chosen = {name: fewer for name, fewer in saved.items() if fewer > 0}
    return frozenset(chosen if sum(chosen.values()) >= WORTH * total else ())
