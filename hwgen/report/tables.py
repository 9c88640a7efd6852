"""The figures of a report as rows of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hwgen.ops.events import Events
from hwgen.plan.model import Engine, Plan, Task
from hwgen.quant.model import QNode
from hwgen.report.graph_picture import shape_text, type_text
from hwgen.report.model import ReportData

__all__ = ["EngineRow", "LayerRow", "Meter", "Tile", "engines", "layers", "meters", "tiles"]


@dataclass(frozen=True)
class Tile:
    """One figure that matters: label, value, and what it is compared with."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class LayerRow:
    """One layer; ``sqnr_share`` is the length of its bar, 0 to 1."""

    name: str
    op: str
    shape: str
    type: str
    accumulator: str
    weights: str
    engine: str
    macs: str
    cycles: str
    bound: str
    sqnr: str
    sqnr_share: float
    events: str


@dataclass(frozen=True)
class EngineRow:
    """One engine; ``active_share`` is the part of the interval in which it issues, 0 to 1."""

    name: str
    template: str
    fold: str
    widths: str
    multipliers: str
    tasks: str
    cycles: str
    active_share: float
    simulated: str


@dataclass(frozen=True)
class Meter:
    """How much of a resource is used; ``share`` is 0 to 1, None if the total is unknown."""

    name: str
    used: str
    available: str
    share: float | None


def tiles(data: ReportData) -> Iterator[Tile]:
    """Return the figures at the head of the page."""
    cycles, sim = data.plan.prediction, data.sim
    attends = [task.work.attend for task in data.plan.tasks if task.work.attend]
    varies = any(attend.cached or attend.padded for attend in attends) or bool(data.plan.lengths)
    for label, predicted, measured in (
        ("Latency", cycles.latency, sim.latency if sim else None),
        ("Interval", cycles.interval, sim.interval if sim else None),
    ):
        note = "predicted; not simulated yet"
        if measured is not None:
            same = "equals" if measured == predicted else "differs from"
            note = f"{same} the simulated {measured:,}"
            if varies and measured != predicted:
                note = f"with full caches and no padding; {measured:,} for the simulated tensors"
                if data.plan.lengths:
                    note = f"of the longest; {note}"
        yield Tile(label, f"{predicted:,} cycles", note)
    for one in data.plan.shorter:
        text = f"{one.prediction.interval:,} cycles"
        yield Tile(f"Interval, {one.tokens} tokens", text, "one after the other; predicted")
    rate = data.clock_mhz * 1e6 / cycles.interval
    yield Tile("Throughput", f"{_short(rate)} / s", f"at {data.clock_mhz:g} MHz")
    useful = sum(task.useful for task in data.plan.tasks)
    yield Tile(
        "Utilisation",
        f"{data.plan.utilisation:.1%}",
        f"{data.plan.multipliers} multipliers{_packed(data.plan)}, {useful:,} multiplications",
    )
    stream = data.plan.stream
    if stream is not None:
        late = max(stream.latency.values())
        what = f"windows of {stream.window} every" if stream.window else "in chunks of"
        yield Tile("Stream latency", f"{late:,} rows", f"of the input, {what} {stream.chunk}")
        parts = ", ".join(f"{name} {bits:,}" for name, bits in stream.state.items())
        yield Tile("Stream state", f"{stream.state_bits:,} bits", parts)
    if data.accuracy is not None:
        samples, real, integer = data.accuracy
        yield Tile("Accuracy", f"{integer:.2%}", f"float {real:.2%}, {samples} samples")
    if data.area is not None and data.area.fmax_mhz is not None:
        wanted = f"wanted {data.area.clock_mhz:g} MHz" if data.area.clock_mhz else ""
        yield Tile("f_max", f"{data.area.fmax_mhz:.1f} MHz", wanted)


def layers(data: ReportData) -> Iterator[LayerRow]:
    """Return one row per layer, in graph order."""
    finite = [value for value in data.sqnr.values() if math.isfinite(value)]
    best = max([1.0, *finite])
    for node in data.qgraph.nodes:
        tasks = [task for task in data.plan.tasks if task.node == node.name]
        sqnr = data.sqnr.get(node.name)
        share = 0.0 if sqnr is None else 1.0 if sqnr == math.inf else max(0.0, sqnr / best)
        yield LayerRow(
            name=node.name,
            op=node.op,
            shape=shape_text(node.out.shape),
            type=type_text(node.out.type),
            accumulator=f"{node.acc_bits} bit" if node.acc_bits else "",
            weights=_weights(node),
            engine=", ".join(dict.fromkeys(map(_engine, tasks))),
            macs=f"{useful:,}" if (useful := sum(task.useful for task in tasks)) else "",
            cycles=f"{sum(task.cycles for task in tasks):,}",
            bound=", ".join(dict.fromkeys(task.bound for task in tasks)),
            sqnr="" if sqnr is None else "exact" if sqnr == math.inf else f"{sqnr:.1f} dB",
            sqnr_share=min(1.0, share),
            events=_events(data.events.get(node.name, Events())),
        )


def _engine(task: Task) -> str:
    """Return the engine of a task, and whether it is operand stationary there."""
    return task.engine + ", operand stationary" * task.stays


def _events(found: Events) -> str:
    """Return what the golden model counted in a layer."""
    counts = (
        (found.saturated, "saturated"),
        (found.clamped, "clamped logits"),
        (found.masked, "masked rows"),
    )
    return ", ".join(f"{count:,} {name}" for count, name in counts if count)


def engines(data: ReportData) -> Iterator[EngineRow]:
    """Return one row per engine."""
    counters = data.sim.counters if data.sim else {}
    interval = data.plan.prediction.interval
    for index, engine in enumerate(data.plan.engines):
        tasks = [task for task in data.plan.tasks if task.engine == engine.name]
        cycles = sum(task.cycles for task in tasks)
        yield EngineRow(
            name=engine.name,
            template=engine.template,
            fold=_fold(engine),
            widths=_widths(engine),
            multipliers=str(engine.multipliers)
            + f" in {engine.hard_multipliers}" * (engine.hard_multipliers != engine.multipliers),
            tasks=", ".join(task.name for task in tasks),
            cycles=f"{cycles:,}",
            active_share=min(1.0, cycles / interval) if interval else 0.0,
            simulated=_simulated(index, counters),
        )


def _packed(plan: Plan) -> str:
    """Return how many multipliers of the device make the products, if weights share them."""
    hard = plan.hard_multipliers
    return "" if hard == plan.multipliers else f" in {hard} of the device"


def meters(data: ReportData) -> Iterator[Meter]:
    """Return the use of each kind of cell."""
    if data.area is None:
        return
    for name, used in data.area.used.items():
        total = data.area.available.get(name)
        share = min(1.0, used / total) if total else None
        yield Meter(name, f"{used:,}", f"{total:,}" if total else "", share)


def _simulated(index: int, counters: Mapping[str, int]) -> str:
    active, wait = counters.get(f"ACTIVE_{index}"), counters.get(f"WAIT_{index}")
    busy = counters.get("CYCLES")
    if active is None or not busy:
        return ""
    waited = f", {wait / busy:.0%} waiting for room" if wait else ""
    return f"{active / busy:.0%} of {busy:,} cycles{waited}"


def _weights(node: QNode) -> str:
    weight, kind = node.lowered.constants.get("weight"), node.lowered.weight_type
    return f"{weight.size:,} x {kind.bits} bit" if weight is not None and kind is not None else ""


def _fold(engine: Engine) -> str:
    fold = engine.fold
    lanes = f"{fold.lanes} lane{'s' if fold.lanes > 1 else ''}"
    if engine.template == "array":
        return f"{fold.rows} x {fold.outputs} elements, {lanes} out"
    if engine.template == "mac_array":
        return f"{fold.rows} x {fold.outputs // 2} tiles, {lanes} out"
    if engine.template != "mac":
        return lanes
    side = f"{fold.groups} x " if fold.groups > 1 else ""
    return f"{side}{fold.rows} x {fold.elements} x {fold.outputs}, {lanes} out"


def _widths(engine: Engine) -> str:
    if not engine.multipliers:
        return f"{engine.in_bits} to {engine.out_bits} bit"
    return (
        f"{engine.in_bits} x {engine.weight_bits}, sum {engine.acc_bits}, out {engine.out_bits} bit"
    )


def _short(rate: float) -> str:
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if rate >= limit:
            return f"{rate / limit:.3g} {suffix}"
    return f"{rate:.3g}"
