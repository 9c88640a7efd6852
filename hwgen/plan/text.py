"""A plan as text for a terminal: what was built, where the cycles go, and why."""

from __future__ import annotations

from collections.abc import Sequence

from hwgen.plan.model import Engine, Plan, StreamFigures, Task
from hwgen.plan.reasons import count

__all__ = ["describe", "stream_text"]

_SIZES = ("groups", "rows", "elements", "outputs")
"""What a fold does at once."""


def describe(plan: Plan) -> str:
    """Return tables of engines, tasks, storage and streams, and the reason of every phase."""
    made = plan.prediction
    hard = ""
    if plan.hard_multipliers != plan.multipliers:
        hard = f" in {plan.hard_multipliers} of the device"
    summary = (
        f"{plan.name}: {plan.schedule}, {count(plan.multipliers, 'multiplier')}{hard}, "
        f"latency {count(made.latency, 'cycle')}, interval {count(made.interval, 'cycle')}, "
        f"utilisation {plan.utilisation:.0%}"
    )
    parts = [
        summary,
        _lengths(plan),
        _table(
            ["engine", "template", *_SIZES, "lanes", "multipliers", "of the device"],
            [_engine(engine) for engine in plan.engines],
        ),
        _table(
            ["task", "engine", "cycles", "multiplications", "useful", "bound", "first tensor"],
            [_task(plan, task) for task in plan.tasks],
        ),
        _storage(plan),
        stream_text(plan.stream),
        _table(
            ["stream", "direction", "lanes"],
            [
                *([name, "in", str(lanes)] for name, lanes in plan.input_lanes.items()),
                *([name, "out", str(lanes)] for name, lanes in plan.output_lanes.items()),
            ],
        ),
        "\n".join(f"{', '.join(phase.tasks)}: {phase.why}" for phase in plan.phases if phase.why),
    ]
    return "\n\n".join(part for part in parts if part)


def _lengths(plan: Plan) -> str:
    """Return the cycles of a tensor of each length, if there are several."""
    if not plan.lengths:
        return ""
    rows = [
        [*map(str, (one.tokens, one.prediction.latency, one.prediction.interval))]
        for one in plan.variants
    ]
    text = "One list of phases for each length; what follows is about the longest."
    return f"{_table(['tokens', 'latency', 'interval'], rows)}\n{text}"


def stream_text(figures: StreamFigures | None) -> str:
    """Return latency and state of a network in a stream, or nothing."""
    if figures is None:
        return ""
    late = ", ".join(f"{name} {count(rows, 'row')}" for name, rows in figures.latency.items())
    parts = ", ".join(f"{name} {bits:,}" for name, bits in figures.state.items())
    state = f"state {count(figures.state_bits, 'bit')}" + (f" ({parts})" if parts else "")
    what = f"chunks of {count(figures.chunk, 'row')}"
    if figures.window:
        what = f"windows of {count(figures.window, 'row')} every {figures.chunk}"
    return f"stream: {what}; latency: {late}; {state}"


def _engine(engine: Engine) -> list[str]:
    fold = engine.fold
    if not engine.multipliers:
        return [engine.name, engine.template, *("" for _ in _SIZES), str(fold.lanes), "", ""]
    sizes = (getattr(fold, size) for size in _SIZES)
    numbers = (*sizes, fold.lanes, engine.multipliers)
    return [engine.name, engine.template, *map(str, numbers), str(engine.hard_multipliers)]


def _task(plan: Plan, task: Task) -> list[str]:
    spans = {span.task: f"{span.start} to {span.end}" for span in plan.prediction.spans}
    useful = ""
    if task.useful:
        useful = f"{task.useful / (task.cycles * plan.engine(task.engine).multipliers):.0%}"
    return [
        task.name,
        task.engine,
        str(task.cycles),
        str(task.useful or ""),
        useful,
        task.bound,
        spans.get(task.name, ""),
    ]


def _storage(plan: Plan) -> str:
    if plan.buffers:
        rows = [
            [place.tensor, place.buffer, str(place.address), str(place.elements)]
            for place in plan.placements
        ]
        sizes = ", ".join(
            f"{buffer.name}: {buffer.elements} elements of {buffer.bits} bits "
            f"in {count(buffer.banks, 'bank')}"
            for buffer in plan.buffers
        )
        return f"{_table(['tensor', 'buffer', 'address', 'elements'], rows)}\n{sizes}"
    rows = [
        [item.source, item.sink, str(item.port), *map(str, (item.lanes, item.depth, item.banks))]
        for item in plan.channels
        if item.sink
    ]
    return _table(["from", "to", "port", "lanes", "depth", "banks"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns separated by two spaces; those of numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    right = [
        all(not row[k] or row[k].rstrip("%").isdigit() for row in rows) for k in range(len(head))
    ]
    lines = []
    for row in (head, *rows):
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
