"""Where tensors lie in the shared buffer: those that never live together share addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwgen.plan.caches import is_staged, stored
from hwgen.plan.external import EXTERNAL
from hwgen.plan.histories import fronts
from hwgen.plan.model import Task
from hwgen.quant.model import QGraph

__all__ = ["Live", "aligned", "interval_bound", "lifetimes", "peak", "place"]


@dataclass(frozen=True)
class Live:
    """A tensor of ``elements`` that lives in the phases ``[first, last]``, both included.

    ``front`` more elements before it live with it.
    """

    tensor: str
    elements: int
    first: int
    last: int
    front: int = 0

    def meets(self, other: Live) -> bool:
        """Return whether both live in some phase."""
        return self.first <= other.last and other.first <= self.last


def lifetimes(qgraph: QGraph, tasks: Sequence[Task]) -> list[Live]:
    """Return when each tensor of a sequential plan is needed: inputs from -1, outputs to the end.

    Phases of tasks count from 0; all LOADs are phase -1, all STOREs the one after the last task.
    A cache is never free, nor is a tensor with a history; a cache in external memory has no place
    here.
    """
    front = fronts(tasks)
    first = {tensor.name: -1 for tensor in qgraph.inputs}
    last = dict(first)
    for phase, task in enumerate(tasks):
        if task.appends:
            for name in filter(None, (task.appends, task.sizes)):
                if is_staged(name):
                    first[name] = phase
                elif task.engine != EXTERNAL:
                    first[name], last[name] = -1, len(tasks)
            last |= dict.fromkeys(task.reads, phase)
            continue
        if task.keeps:
            continue
        first.setdefault(task.node, phase)
        for name in (*task.reads, task.node):
            last[name] = max(last.get(name, phase), phase)
    last |= dict.fromkeys(qgraph.outputs, len(tasks))
    first |= dict.fromkeys(front, -1)
    last |= dict.fromkeys(front, len(tasks))
    return [
        Live(name, stored(qgraph, name).elements, begin, last[name], front.get(name, 0))
        for name, begin in first.items()
    ]


_Place = Callable[[Sequence[Live], int], dict[str, int]]


def interval_bound(tensors: Sequence[Live], align: int = 1) -> int:
    """Return the largest sum of sizes alive in one phase: no placement can need less."""
    return max(
        sum(_size(t, align) for t in tensors if t.first <= phase <= t.last)
        for phase in {t.first for t in tensors}
    )


def peak(tensors: Sequence[Live], addresses: dict[str, int], align: int = 1) -> int:
    """Return the elements that a placement needs."""
    return max(addresses[t.tensor] + _size(t, align) for t in tensors)


def place(tensors: Sequence[Live], align: int = 1) -> dict[str, int]:
    """Return an address for each tensor with its front, a multiple of ``align``, by its name.

    Tries three greedy orders and keeps the best: largest first and in order of time, each at the
    lowest free address, and in order of time from the two ends of a buffer as large as the
    bound in turn, which is optimal for a chain.
    """
    bound = interval_bound(tensors, align)
    best: dict[str, int] = {}
    for strategy in (_two_ends, _largest_first, _in_time):
        found = strategy(tensors, align)
        if not best or peak(tensors, found, align) < peak(tensors, best, align):
            best = found
        if peak(tensors, best, align) == bound:
            break
    return best


def _size(tensor: Live, align: int) -> int:
    return aligned(tensor.front, align) + aligned(tensor.elements, align)


def aligned(elements: int, align: int) -> int:
    """Return the next multiple of ``align``."""
    return -(-elements // align) * align


def _gaps(tensor: Live, placed: dict[Live, int], align: int) -> list[tuple[int, int | None]]:
    """Return the free ranges [start, end) for a tensor; the last one has no end."""
    taken = sorted((a, a + _size(t, align)) for t, a in placed.items() if t.meets(tensor))
    gaps: list[tuple[int, int | None]] = []
    start = 0
    for low, high in taken:
        if low > start:
            gaps.append((start, low))
        start = max(start, high)
    return [*gaps, (start, None)]


def _lowest(tensors: Sequence[Live], align: int) -> dict[str, int]:
    placed: dict[Live, int] = {}
    for tensor in tensors:
        size = _size(tensor, align)
        placed[tensor] = next(
            low for low, high in _gaps(tensor, placed, align) if high is None or high - low >= size
        )
    return {tensor.tensor: address for tensor, address in placed.items()}


def _largest_first(tensors: Sequence[Live], align: int) -> dict[str, int]:
    return _lowest(sorted(tensors, key=lambda t: (-t.elements, t.first, t.tensor)), align)


def _in_time(tensors: Sequence[Live], align: int) -> dict[str, int]:
    return _lowest(sorted(tensors, key=lambda t: (t.first, -t.elements, t.tensor)), align)


def _two_ends(tensors: Sequence[Live], align: int) -> dict[str, int]:
    bound = interval_bound(tensors, align)
    placed: dict[Live, int] = {}
    top = False
    for tensor in sorted(tensors, key=lambda t: (t.first, -t.elements, t.tensor)):
        size = _size(tensor, align)
        fits = [
            (low, min(bound, high if high is not None else bound))
            for low, high in _gaps(tensor, placed, align)
        ]
        fits = [(low, high) for low, high in fits if high - low >= size]
        if not fits:  # fragmented: grow
            placed[tensor] = _gaps(tensor, placed, align)[-1][0]
        else:
            placed[tensor] = fits[-1][1] - size if top else fits[0][0]
        top = not top
    return {tensor.tensor: address for tensor, address in placed.items()}
