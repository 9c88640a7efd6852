"""Layers that take several samples, maybe of several taps, per multiplier: see ``docs/packing.md``.

The lines of a work, the runs of samples that an engine takes, and what that costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hwgen.ops.work import Loop, Work
from hwgen.plan.model import Fold
from rtl_templates.mac.runs import Runs

__all__ = ["Line", "line_of", "run_beats", "run_late", "run_steps", "run_work", "runs_of"]


@dataclass(frozen=True)
class Line:
    """A direction in which windows are one sample apart, and samples lie side by side.

    Parameters
    ----------
    level
        0: a line is the rows of the tensor, each a sample (tokens); 1: a line is a row.
    sample
        Elements of a sample.
    taps
        Samples of a window.
    before
        Samples of padding before the first one; negative if the first window begins later.
    results
        Windows of a line.
    """

    level: int
    sample: int
    taps: int
    before: int
    results: int


def line_of(work: Work) -> Line | None:
    """Return the lines along which a ``mac`` work can share multipliers, None if there are none."""
    if work.kind != "mac" or work.channel.count != 1 or len(work.reduce) > 1:
        return None
    if work.mirror or work.sets > 1:
        return None
    port, (y, x) = work.ports[0], work.origin
    outer = work.reduce[0] if work.reduce else Loop(1, dy=1)
    if work.row.dx or work.column.dy or outer.dx:
        return None
    if work.column.count > 1:
        sample = work.column.dx
        if not sample or any(size % sample for size in (work.elements, x, port.row)):
            return None
        line = Line(1, sample, work.elements // sample, -x // sample, work.column.count)
    elif work.row.dy == outer.dy == 1 and work.elements == port.row and x == 0:
        line = Line(0, work.elements, outer.count, -y, work.row.count)
    else:
        return None
    return line if line.results > 1 and line.before < line.taps else None


def runs_of(work: Work, fold: Fold) -> Runs:
    """Return the runs of a line; only of a fold with several samples."""
    line = line_of(work)
    assert line is not None
    return Runs(fold.samples, fold.taps, line.taps, line.before, line.results, bool(work.pad))


def run_work(work: Work, fold: Fold) -> Work:
    """Return the work whose positions are runs; unchanged of a fold with one sample.

    Of its loops and its reach; several samples are one segment, or one more loop.
    """
    if fold.samples == 1:
        return work
    line, runs, (y, x) = line_of(work), runs_of(work, fold), work.origin
    assert line is not None
    if line.level == 0:
        reduce = Loop(runs.passes, dy=fold.taps), Loop(fold.samples, dy=1)
        row = Loop(runs.count, dy=fold.samples)
        return replace(work, row=row, reduce=reduce, origin=(int(runs.first), x))
    return replace(
        work,
        column=Loop(runs.count, dx=fold.samples * line.sample),
        reduce=(*(work.reduce or (Loop(1, dy=1),)), Loop(runs.passes, dx=fold.taps * line.sample)),
        elements=fold.samples * line.sample,
        origin=(y, runs.first * line.sample),
    )


def run_steps(work: Work, fold: Fold) -> tuple[int, int]:
    """Return the steps of a group: those over kernel rows, and those of a kernel row."""
    line = line_of(work)
    assert line is not None
    rows = work.segments // fold.rows if line.level == 1 else 1
    return rows, runs_of(work, fold).passes * -(-line.sample // fold.elements)


def run_late(work: Work, fold: Fold, *, first: bool) -> int:
    """Return the cycles by which a run's first beat comes after those of a plain group would.

    Results that are none leave a gap; several blocks of outputs are put in order first.
    """
    runs, part = runs_of(work, fold), fold.outputs // fold.lanes
    if fold.outputs < work.outputs:
        return runs.samples * part + 1
    return int(runs.valid(first, last=False)[0]) * part


def run_beats(work: Work, fold: Fold) -> Iterator[int]:
    """Yield the beats of every run of a line."""
    runs = runs_of(work, fold)
    for number in range(runs.count):
        low, high = runs.valid(number == 0, last=number == runs.count - 1)
        yield int(high - low) * work.outputs // fold.lanes
