"""What an engine needs from its window buffers, and what it gives back, position by position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hwgen.ops.work import Work
from hwgen.plan.cost import group_beats, steps_of, taps_of
from hwgen.plan.model import Fold
from hwgen.plan.runs import line_of, run_beats, run_late, run_work

__all__ = ["Visit", "minimum_depth", "reach", "visits"]


@dataclass(frozen=True)
class Visit:
    """Consecutive groups of an engine that wait for the same elements.

    Parameters
    ----------
    need
        By port: elements of the tensor that must have been written, as (port, count).
    beats
        Beats of each group.
    steps
        Steps of each group.
    release
        By port: elements of the tensor that are free after the last of the groups.

    late
        Cycles by which the first beat comes after the latency.

    Elements count from the first one of the port's history.
    """

    need: tuple[tuple[int, int], ...]
    beats: tuple[int, ...]
    steps: int
    release: tuple[tuple[int, int], ...]
    late: int = 0


def reach(work: Work) -> tuple[int, int]:
    """Return the furthest (row, element) that a position touches, from where it starts."""
    loops = (work.channel, *work.reduce)
    y = sum((loop.count - 1) * loop.dy for loop in loops)
    x = sum((loop.count - 1) * loop.dx for loop in loops) + work.elements - 1
    return y, x


def visits(work: Work, fold: Fold) -> Iterator[Visit]:
    """Yield the visits of one tensor, in the order the engine walks."""
    if work.kind == "concat":
        yield from _concat_visits(work, fold)
        return
    port = work.ports[0]
    ports = range(len(work.ports))
    beats = group_beats(work, fold)
    taps, steps = taps_of(work, fold), steps_of(work, fold)
    packets = _packets(work, fold)
    line = line_of(work)
    work = run_work(work, fold)
    reach_y, reach_x = reach(work)
    # Reflected rows and columns in front are those behind the first ones; last rows stay longer.
    first, left, most = port.history, 0, port.rows - port.history
    if work.mirror:
        end = work.origin[0] + (work.row.count - 1) * work.row.dy + reach_y
        first, most = max(0, -work.origin[0]), port.rows - 1 - max(0, end - (port.rows - 1))
        left = work.mirror - work.origin[1] if work.origin[1] < 0 else 0
    for row in range(work.row.count):
        top = work.origin[0] + row * work.row.dy
        kept = max(0, min(top + work.row.dy, most)) * port.row
        done = row == work.row.count - 1
        release = port.fresh if done else kept
        for column in range(work.column.count):
            y = top + column * work.column.dy + reach_y
            x = work.origin[1] + row * work.row.dx + column * work.column.dx + reach_x
            last = max(min(y, port.rows - 1), first)  # never before its tensor begins
            need = last * port.row + max(min(x + 1, port.row), left)
            row_ends = column == work.column.count - 1
            if row_ends:
                need = max(need, release)
            late = 0
            if packets:
                packet, late = packets[column if line and line.level else row]
                beats = (*beats[:-1], packet)
            yield Visit(
                tuple((k, need) for k in ports),
                beats,
                steps if taps is None else taps.steps(row, column),
                tuple((k, release) for k in ports) if row_ends else (),
                late,
            )


def _packets(work: Work, fold: Fold) -> list[tuple[int, int]]:
    """Return the beats of each run of a line and how late they are; nothing without runs."""
    if fold.samples == 1:
        return []
    return [
        (beats, run_late(work, fold, first=number == 0))
        for number, beats in enumerate(run_beats(work, fold))
    ]


def _concat_visits(work: Work, fold: Fold) -> Iterator[Visit]:
    lanes = fold.lanes
    chunks = [port.elements // work.positions for port in work.ports]
    for position in range(work.positions):
        for k, chunk in enumerate(chunks):
            for start in range(position * chunk, (position + 1) * chunk, lanes):
                mark = ((k, start + lanes),)
                yield Visit(mark, (1,), 1, mark)


def minimum_depth(work: Work, fold: Fold, port: int, beat: int) -> int:
    """Return the elements a port's buffer must hold so that its engine can work at all.

    Parameters
    ----------
    beat
        Elements per beat of the writer, which cannot write less.
    """
    least, released = 0, 0
    history = work.ports[port].history * work.ports[port].row
    for visit in visits(work, fold):
        for k, need in visit.need:
            if k == port:
                written = history - (history - need) // beat * beat
                least = max(least, written - released)
        for k, release in visit.release:
            if k == port:
                released = release
    return max(least, history + beat)
