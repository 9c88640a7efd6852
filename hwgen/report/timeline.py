"""The plan as a timeline: one row per task, predicted and simulated activity in cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.plan.model import Span

__all__ = ["Bar", "Chart", "Row", "Tick", "draw_timeline"]

_LABEL = 132
_WIDTH = 1020
_ROW = 26
_HEAD = 22


@dataclass(frozen=True)
class Bar:
    """Cycles [start, end) as a box, in pixels."""

    x: float
    width: float
    start: int
    end: int


@dataclass(frozen=True)
class Row:
    """One task."""

    task: str
    y: int
    predicted: Bar
    simulated: Bar | None


@dataclass(frozen=True)
class Tick:
    """A mark of the axis."""

    x: float
    text: str


@dataclass(frozen=True)
class Chart:
    """All rows; sizes in pixels."""

    width: int
    height: int
    label: int
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]


def draw_timeline(predicted: Sequence[Span], simulated: Sequence[Span]) -> Chart:
    """Return the chart of the first tensor's way through the accelerator."""
    end = max([span.end for span in (*predicted, *simulated)], default=1)
    scale = (_WIDTH - _LABEL - 8) / max(1, end)
    measured = {span.task: span for span in simulated}

    def bar(span: Span) -> Bar:
        width = max(1.5, (span.end - span.start) * scale)
        return Bar(round(_LABEL + span.start * scale, 1), round(width, 1), span.start, span.end)

    rows = []
    for index, span in enumerate(predicted):
        found = measured.get(span.task)
        rows.append(Row(span.task, _HEAD + index * _ROW, bar(span), bar(found) if found else None))
    ticks = tuple(
        Tick(round(_LABEL + cycle * scale, 1), f"{cycle:,}")
        for cycle in range(0, end + 1, _step(end))
    )
    return Chart(_WIDTH, _HEAD + len(predicted) * _ROW + 4, _LABEL, tuple(rows), ticks)


def _step(end: int) -> int:
    """Return a distance of 1, 2 or 5 times a power of ten that gives at most ten ticks."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if end / (factor * power) <= 10:
                return factor * power
        power *= 10
