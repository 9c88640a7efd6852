"""A sequential plan: two engines, one buffer, one task at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hwgen.emit.hls.constants import Table, mac_constants
from hwgen.emit.hls.scaling import factor, scaling
from hwgen.emit.hls.types import ap, code_type, signed_bits
from hwgen.emit.hls.works import work_text
from hwgen.ops.arithmetic import Int, bits_for
from hwgen.plan.model import Engine, Plan, Task
from hwgen.quant.model import QGraph, QNode

__all__ = ["sequential_context"]


@dataclass(frozen=True)
class TaskText:
    """One record of the sequencer: the initialiser of a task, and what each line is about."""

    name: str
    note: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TraceText:
    """A tensor that is complete after a phase."""

    phase: int
    node: str
    code: str
    address: int
    elements: int


@dataclass
class _MacTables:
    """The tables of all tasks of the ``mac`` engine, one after the other."""

    weights: list[Int] = field(default_factory=list)
    biases: list[Int] = field(default_factory=list)
    multipliers: list[Int] = field(default_factory=list)

    @property
    def word(self) -> int:
        """Rows of weights so far."""
        return sum(len(rows) for rows in self.weights)

    @property
    def group(self) -> int:
        """Rows of biases so far."""
        return sum(len(rows) for rows in self.biases)


def sequential_context(plan: Plan, qgraph: QGraph) -> dict[str, object]:
    """Return what the templates of a sequential plan read."""
    (buffer,) = plan.buffers
    order = [plan.task(name) for phase in plan.phases for name in phase.tasks]
    units = {engine.name: engine.template for engine in plan.engines}
    tasks: dict[str, list[TaskText]] = {"mac": [], "vector": []}
    tables = _MacTables()
    ports = max((len(task.reads) for task in order), default=1)
    program = []
    for task in order:
        unit = units[task.engine]
        program.append((unit, len(tasks[unit]), task.name))
        fold = plan.engine(task.engine).fold
        if unit == "mac":
            text = _mac_task(plan, qgraph, task, tables)
            rows = mac_constants(qgraph, qgraph.node(task.node), task.work, fold)
            tables.weights.append(rows.weights)
            tables.biases.append(rows.biases)
            tables.multipliers.append(rows.multipliers)
        else:
            text = _vector_task(plan, qgraph, task, ports)
        tasks[unit].append(text)
    engines = {
        engine.template: _engine(engine, qgraph, order)
        for engine in plan.engines
        if tasks[engine.template]
    }
    return {
        "buffer": buffer,
        "tasks": tasks,
        "ports": ports,
        "program": program,
        "engines": engines,
        "tables": _table_texts(tables, engines["mac"]) if "mac" in engines else (),
        "traces": _traces(plan, qgraph, order),
    }


def _engine(engine: Engine, qgraph: QGraph, order: list[Task]) -> dict[str, object]:
    """Return types and sizes of an engine that is shared by its tasks."""
    nodes = [qgraph.node(task.node) for task in order if task.engine == engine.name]
    result = max(signed_bits(node.out.type) for node in nodes)
    acc = max(node.acc_bits for node in nodes)
    if engine.template == "vector":
        index = [bits_for(0, n.out.type.high) for n in nodes if n.op == "argmax"]
        acc = max([acc, engine.in_bits + (not engine.in_signed), *index])
    return {
        "input": ap(engine.in_bits, engine.in_signed),
        "acc": ap(acc, True),
        "weight": ap(max(engine.weight_bits, 2), True),
        "result": ap(result, True),
        "fold": engine.fold,
    }


def _table_texts(tables: _MacTables, engine: dict[str, object]) -> tuple[Table, ...]:
    kinds = (
        (engine["weight"], "mac_weight", np.concatenate(tables.weights)),
        (engine["acc"], "mac_bias", np.concatenate(tables.biases)),
        (ap(16, False), "mac_multiplier", np.concatenate(tables.multipliers)),
    )
    return tuple(Table(str(code), name, rows) for code, name, rows in kinds)


def _note(node: QNode, task: Task) -> str:
    shape = "x".join(map(str, node.out.shape))
    return f"{node.op} to {shape}: {task.cycles} cycles"


def _source(plan: Plan, qgraph: QGraph, name: str) -> tuple[int, str]:
    """Return address and signedness of a tensor that is read."""
    signed = "true" if qgraph.tensor(name).type.signed else "false"
    return plan.placement(name).address, signed


def _destination(plan: Plan, task: Task) -> str:
    address = plan.placement(task.node).address + task.write_offset
    work = task.work
    row = work.column.count * work.channel.count * work.outputs
    return f"{{{address}, {task.write_stride}, {row}}}"


def _mac_task(plan: Plan, qgraph: QGraph, task: Task, tables: _MacTables) -> TaskText:
    node = qgraph.node(task.node)
    read, signed = _source(plan, qgraph, task.reads[0])
    lines = (
        (f"{work_text(task.work)},", "loops"),
        (f"{read}, {signed},", "input: address, signedness"),
        (f"{_destination(plan, task)},", "output"),
        (f"{tables.word}, {tables.group},", "first rows of weights, of biases"),
        (f"{scaling(node)}", "scaling"),
    )
    return TaskText(task.name, _note(node, task), lines)


def _vector_task(plan: Plan, qgraph: QGraph, task: Task, ports: int) -> TaskText:
    node, kind = qgraph.node(task.node), task.work.kind
    assert kind != "concat", "a sequential plan has one copy per input of a concat"
    sources = [_source(plan, qgraph, name) for name in task.reads]
    if kind == "add":
        factors = [factor(node, k) for k in range(len(sources))]
        before, start = [f.multiplier for f in factors], factors[0].offset
        multiplier, offset = 1, 0
    else:
        # A concat has one task per input, in order; any other node has one task.
        parts = [other.name for other in plan.tasks if other.node == node.name]
        only = factor(node, parts.index(task.name))
        before, start = [1], 0
        multiplier, offset = only.multiplier, only.offset
    addresses = _array([address for address, _ in sources], ports)
    signs = _array([signed for _, signed in sources], ports, "false")
    lines = (
        (f"hwgen::fold::{kind},", ""),
        (f"{work_text(task.work)},", "loops"),
        (f"{len(sources)}, {addresses}, {signs},", "inputs: addresses, signedness"),
        (f"{_array(before, ports)}, {start},", "their factors; start of a sum"),
        (f"{_destination(plan, task)},", "output"),
        (f"{multiplier}, {offset}, {scaling(node)}", "scaling"),
    )
    return TaskText(task.name, _note(node, task), lines)


def _array(values: list[int] | list[str], length: int, fill: str = "0") -> str:
    words = [str(value) for value in values] + [fill] * (length - len(values))
    return "{" + ", ".join(words) + "}"


def _traces(plan: Plan, qgraph: QGraph, order: list[Task]) -> list[TraceText]:
    """Return each node's tensor with the last phase that writes it."""
    traces = []
    for node in qgraph.nodes:
        last = max(i for i, task in enumerate(order) if task.node == node.name)
        place = plan.placement(node.name)
        code = code_type(node.out.type)
        traces.append(TraceText(last, node.name, code, place.address, place.elements))
    return traces
