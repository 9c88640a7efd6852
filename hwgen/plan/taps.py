"""Which steps of a ``mac`` work fall into padding as a whole, position by position.

A group takes kernel rows and, in each, kernel columns (or, where a kernel row is one contiguous
segment, the words of that segment).  Those that lie outside of the tensor add nothing if padding
reads as 0, so an engine can leave them out: ``hwgen.plan.cost.taps_of`` says whether it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from hwgen.ops.work import Work
from hwgen.plan.model import Fold
from hwgen.plan.runs import run_steps, runs_of

__all__ = ["Range", "Taps", "real_macs", "real_taps"]

Range = tuple[int, int]
"""First iteration of a loop that is taken, and the one after the last."""


@dataclass(frozen=True)
class Taps:
    """What a group takes at each position.

    Parameters
    ----------
    rows
        By output row: iterations of the outer reduce loop, in units of ``fold.rows``; words of the
        window if the fold is flat.
    columns
        By output column: iterations of the inner reduce loop, or words of the only segment.
    words
        Steps for each of both.
    """

    rows: tuple[Range, ...]
    columns: tuple[Range, ...]
    words: int

    @cached_property
    def least(self) -> int:
        """Steps of the shortest group."""
        return min(map(_length, self.rows)) * min(map(_length, self.columns)) * self.words

    @cached_property
    def total(self) -> int:
        """Steps of one group at every position together."""
        return sum(map(_length, self.rows)) * sum(map(_length, self.columns)) * self.words

    def steps(self, row: int, column: int) -> int:
        """Return the steps of a group at a position."""
        return _length(self.rows[row]) * _length(self.columns[column]) * self.words


def real_taps(work: Work, fold: Fold) -> Taps | None:
    """Return what is left without the steps in padding; None if nothing falls away.

    At least one step is left where a whole window lies in padding.
    """
    if work.kind != "mac" or not work.reduce or work.mirror or not _separable(work):
        return None
    if fold.samples > 1:
        return _run_taps(work, fold)
    return _flat_taps(work, fold) if fold.flat else _real_taps(work, fold.rows, fold.elements)


@lru_cache(maxsize=4096)
def _real_taps(work: Work, together: int, elements: int) -> Taps | None:
    words = -(-work.elements // elements)
    inner = work.reduce[1].count if len(work.reduce) > 1 else 1
    full = (0, work.reduce[0].count // together), (0, inner if inner > 1 else words)
    rows = _rows(work) if together == 1 else (full[0],) * work.row.count
    if inner > 1:
        columns = _columns(work)
    elif work.channel.count == 1:
        columns = _words(work, elements)
    else:
        columns = (full[1],) * work.column.count
    if set(rows) == {full[0]} and set(columns) == {full[1]}:
        return None
    return Taps(rows, columns, words if inner > 1 else 1)


@lru_cache(maxsize=4096)
def _flat_taps(work: Work, fold: Fold) -> Taps | None:
    """Words of the whole window by output row; those between two columns are all taken."""
    size, words = fold.elements, -(-work.segments * work.elements // fold.elements)
    rows = tuple(
        (first * work.elements // size, -(-end * work.elements // size))
        for first, end in _rows(work)
    )
    return None if set(rows) == {(0, words)} else Taps(rows, ((0, 1),) * work.column.count, 1)


@lru_cache(maxsize=4096)
def _run_taps(work: Work, fold: Fold) -> Taps | None:
    """Kernel rows by output row; of a line that is a row, every pass is taken."""
    total, steps = run_steps(work, fold)
    if total == 1:
        return None
    rows, runs = _rows(work), runs_of(work, fold)
    return None if set(rows) == {(0, total)} else Taps(rows, ((0, 1),) * runs.count, steps)


@lru_cache(maxsize=256)
def real_macs(work: Work) -> int:
    """Return the multiplications of a ``mac`` work by elements that are no padding."""
    if not work.reduce or work.mirror or not _separable(work):
        return work.macs
    rows = sum(
        sum(0 <= y < work.ports[0].rows for y in _starts(top, work.reduce[0].count, step))
        for top, step in ((_top(work, row), work.reduce[0].dy) for row in range(work.row.count))
    )
    columns = 0
    for column in range(work.column.count):
        for group in range(work.channel.count):
            left = _left(work, column) + group * work.channel.dx
            inner = work.reduce[1] if len(work.reduce) > 1 else None
            for x in _starts(left, inner.count, inner.dx) if inner else (left,):
                columns += max(0, min(x + work.elements, work.ports[0].row) - max(x, 0))
    return rows * columns * work.outputs


def _separable(work: Work) -> bool:
    """Return whether kernel rows move in y only, everything else inside a row in x only."""
    inner = work.reduce[1:]
    return (
        len(inner) < 2
        and not (work.row.dx or work.reduce[0].dx)
        and not any(loop.dy for loop in (work.column, work.channel, *inner))
    )


def _top(work: Work, row: int) -> int:
    return work.origin[0] + row * work.row.dy


def _left(work: Work, column: int) -> int:
    return work.origin[1] + column * work.column.dx


def _starts(start: int, count: int, step: int) -> range:
    return range(start, start + count * step, step) if step else range(start, start + count)


def _length(taken: Range) -> int:
    return taken[1] - taken[0]


def _inside(start: int, count: int, step: int, width: int, end: int) -> Range:
    """Return the iterations whose elements ``[start, start + width)`` meet ``[0, end)``."""
    if step <= 0:
        return 0, count
    first = max(0, -((start + width - 1) // step))
    last = min(count, (end - 1 - start) // step + 1)
    return (first, last) if first < last else (0, 1)


@lru_cache(maxsize=256)
def _rows(work: Work) -> tuple[Range, ...]:
    loop, end = work.reduce[0], work.ports[0].rows
    return tuple(
        _inside(_top(work, row), loop.count, loop.dy, 1, end) for row in range(work.row.count)
    )


@lru_cache(maxsize=256)
def _columns(work: Work) -> tuple[Range, ...]:
    """A column is inside if it is for any convolution group: they lie side by side."""
    loop, end = work.reduce[1], work.ports[0].row
    width = (work.channel.count - 1) * work.channel.dx + work.elements
    return tuple(
        _inside(_left(work, column), loop.count, loop.dx, width, end)
        for column in range(work.column.count)
    )


def _words(work: Work, elements: int) -> tuple[Range, ...]:
    words, end = -(-work.elements // elements), work.ports[0].row
    found = []
    for column in range(work.column.count):
        left = _left(work, column)
        first, last = _inside(left, words, elements, elements, end)
        # The last word may reach beyond the segment: that part is no element of it.
        if first == words - 1 and left + work.elements <= 0:
            first, last = 0, 1
        found.append((first, last))
    return tuple(found)
