"""From a task's work and an engine's fold to the loops of a mover."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from hwgen.ops.work import Loop, Work
from hwgen.plan.cost import group_results, side_of, steps_of, taps_of
from hwgen.plan.model import Fold
from hwgen.plan.runs import line_of, run_work
from rtl_templates.memory.walk import Bend, Level, Walk

__all__ = ["granule", "mac_walk", "run_walk", "vector_walk"]

_NONE = Loop(1)


def mac_walk(work: Work, fold: Fold) -> Walk:
    """Return the walk of a ``mac`` task: rows, columns, groups, blocks; segments and words.

    Padding that the plan skips is left out.
    """
    rows, columns = _reduce(work)
    if fold.rows > 1:
        rows = _NONE  # all kernel rows in one step
    pitch = work.ports[0].row
    words, bend = -(-work.elements // fold.elements), None
    if fold.flat:
        words, rows = steps_of(work, fold), _NONE
        bend = Bend(work.elements, fold.elements, work.reduce[0].dy * pitch)
    blocks = -(-work.outputs // fold.outputs)
    steps = rows.count * columns.count * words
    beats = -(-group_results(work, fold) // fold.lanes)
    side = side_of(work, fold)
    parts = -(-work.channel.count // side)
    channel = replace(work.channel, count=parts, dx=work.channel.dx * side)
    walk = Walk(
        elements=work.ports[0].elements,
        row=pitch,
        levels=(
            _level(work.row, pitch),
            _level(work.column, pitch),
            _level(channel, pitch),
            Level(blocks),
            _level(rows, pitch),
            _level(columns, pitch),
            Level(words, 0, fold.elements),
        ),
        group=3,
        origin=(work.origin[0] * pitch, work.origin[1]),
        reach=_reach(work, pitch),
        idle=max(0, beats - steps),
        bend=bend,
        history=work.ports[0].history * pitch,
        missing=work.ports[0].missing,
        mirror=work.mirror,
        own_columns=work.own_columns,
    )
    taps = taps_of(work, fold)
    return walk if taps is None else walk.skipping(taps.rows, taps.columns)


def run_walk(work: Work, fold: Fold) -> Walk:
    """Return the walk of a ``mac`` task that takes runs of samples: passes instead of columns."""
    line, shaped, pitch = line_of(work), run_work(work, fold), work.ports[0].row
    assert line is not None
    words = -(-line.sample // fold.elements)
    first, second = _reduce(shaped) if line.level == 1 else (shaped.reduce[0], _NONE)
    if line.level == 1 and fold.rows > 1:
        first = _NONE  # all kernel rows in one step
    beats = -(-group_results(work, fold) // fold.lanes)
    walk = Walk(
        elements=work.ports[0].elements,
        row=pitch,
        levels=(
            _level(shaped.row, pitch),
            _level(shaped.column, pitch),
            Level(1),
            Level(work.outputs // fold.outputs),
            _level(first, pitch),
            _level(second, pitch),
            Level(words, 0, fold.elements),
        ),
        group=3,
        origin=(shaped.origin[0] * pitch, shaped.origin[1]),
        reach=_reach(shaped, pitch),
        idle=max(0, beats - steps_of(work, fold)),
        history=work.ports[0].history * pitch,
        missing=work.ports[0].missing,
    )
    taps = taps_of(work, fold)
    if taps is None:
        return walk
    inner = second.count if second.count > 1 else words
    return walk.skipping(taps.rows, ((0, inner),) * shaped.column.count)


def vector_walk(work: Work, lanes: int) -> Walk:
    """Return the walk of a ``vector`` task: rows, columns, channels; then the folded elements."""
    rows, columns = _reduce(work)
    if work.kind in ("add", "mul"):
        rows = Loop(len(work.ports))  # one step per input, at the same place
    pitch = work.ports[0].row
    return Walk(
        elements=work.ports[0].elements,
        row=pitch,
        levels=(
            _level(work.row, pitch),
            _level(work.column, pitch),
            Level(work.channel.count // lanes, work.channel.dy * pitch, work.channel.dx * lanes),
            _level(rows, pitch),
            _level(columns, pitch),
        ),
        group=2,
        origin=(work.origin[0] * pitch, work.origin[1]),
        reach=_reach(work, pitch),
        history=work.ports[0].history * pitch,
        missing=work.ports[0].missing,
    )


def granule(walk: Walk, banks: int, pitch: int = 0, start: int = 0) -> int:
    """Return the power of two, at most ``banks``, that divides every address of a walk.

    ``pitch`` separates parallel reads, ``start`` is where the tensor begins.
    """
    steps = [step for level in walk.levels if level.count > 1 for step in (level.dy, level.dx)]
    edges = (walk.mirror, walk.row) if walk.mirror else ()
    return gcd(banks, pitch, start, *walk.origin, *steps, *edges)


def _reduce(work: Work) -> tuple[Loop, Loop]:
    """Return the work's reduce loops, filled up to two."""
    rows, columns = (*work.reduce, _NONE, _NONE)[:2]
    return rows, columns


def _level(loop: Loop, pitch: int) -> Level:
    return Level(loop.count, loop.dy * pitch, loop.dx)


def _reach(work: Work, pitch: int) -> tuple[int, int]:
    """Return the furthest element that a position touches, relative to it."""
    loops = (work.channel, *work.reduce)
    return (
        sum((loop.count - 1) * loop.dy for loop in loops) * pitch,
        sum((loop.count - 1) * loop.dx for loop in loops) + work.elements - 1,
    )
