"""How much storage each channel gets, and how many beats each output FIFO."""

from __future__ import annotations

from collections.abc import Sequence

from hwgen.ops.work import Work
from hwgen.plan.cost import (
    ROWS,
    group_beats,
    groups_of,
    length_of,
    power_of_two_at_least,
    reads_of,
    steps_of,
    taps_of,
    template_of,
)
from hwgen.plan.model import Fold
from hwgen.plan.runs import run_late, run_work
from hwgen.plan.timing import latency
from hwgen.plan.window import minimum_depth, reach

__all__ = ["ROUNDS", "Depth", "fifo_beats", "joins_paths"]

ROUNDS = 4
"""Rounds of :meth:`Depth.elements`: each holds more than the one before."""

_SLACK_BEATS = 4
"""Beats beyond the rows: a release takes some cycles to become the next beat written."""


def fifo_beats(work: Work, fold: Fold) -> int:
    """Return the beats of an output FIFO that a ready sink never lets run out of room.

    A beat's place is taken when its group starts and is free again
    ``steps + latency + beats + 1`` cycles later; so many groups are under way at once as fit in
    that time, and one more that starts.
    """
    taps, steps = taps_of(work, fold), steps_of(work, fold)
    length = length_of(work, fold) if taps is None else taps.least
    beats = max(group_beats(work, fold))
    pending = steps + latency(work, fold) + beats + 2
    if fold.samples > 1:  # the beats of a run leave together
        pending += max(run_late(work, fold, first=first) for first in (True, False))
        length *= groups_of(work, fold)
    groups = -(-pending // length) + 1
    if work.kind in ROWS:  # long packets: places are free again one by one, a beat per cycle
        return min(beats * groups, beats + pending)
    return beats * groups


class Depth:
    """The storage of one port of an engine.

    Parameters
    ----------
    beat
        Elements per beat of the source.
    joins
        Whether the engine joins paths that can differ in delay: then the buffer holds a whole
        tensor, so that no path can starve another one.
    """

    def __init__(self, work: Work, fold: Fold, port: int, beat: int, *, joins: bool) -> None:
        layout = work.ports[port]
        self.banks = power_of_two_at_least(max(beat, reads_of(template_of(work), fold)))
        self.least = minimum_depth(work, fold, port, beat)
        self._beat = beat
        self._tensor = layout.fresh
        history = layout.history * layout.row
        if work.kind == "concat":
            window = 2 * layout.elements // work.positions
            self._row = layout.elements // work.positions
        else:
            work = run_work(work, fold)
            rows = reach(work)[0] + (work.column.count - 1) * work.column.dy
            window = (max(rows, layout.history) + 1 + work.row.dy) * layout.row
            self._row = work.row.dy * layout.row
        self._whole = (
            joins or self.least - history >= self._tensor or window - history >= 2 * self._tensor
        )
        if joins:
            self._base = max(self._tensor, window)
        elif self._whole:
            self._base = max(2 * self._tensor + history, self.least)
        else:
            self._base = max(window, self.least)

    def elements(self, round_: int) -> int:
        """Return the depth in elements, a multiple of the banks.

        Round 0 is what back-to-back rows (or tensors) need, round 1 adds slack for the turn of
        the writer, later ones more rows or tensors.
        """
        depth = self._base
        if round_:
            depth += _SLACK_BEATS * self._beat
        if round_ > 1:
            depth += (round_ - 1) * (self._tensor if self._whole else self._row)
        return -(-depth // self.banks) * self.banks


def joins_paths(kind: str, sources: Sequence[str]) -> bool:
    """Return whether an engine has inputs that come along different paths."""
    return kind in ("add", "mul", "concat") and len(set(sources)) > 1
