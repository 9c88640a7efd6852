"""A sequential plan: shared engines, one buffer, one task at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from hwgen.emit.hls.attend import append_lines, attend_lines, cached_nodes, pack_lines
from hwgen.emit.hls.blocks import BLOCK_WEIGHT, SharedBlocks, block_acc_bits, most_steps, most_tiles
from hwgen.emit.hls.constants import MacConstants, Table, mac_constants
from hwgen.emit.hls.multipliers import (
    form_methods,
    form_sizes,
    multiplier_methods,
    multiplier_sizes,
)
from hwgen.emit.hls.rows import SharedRows
from hwgen.emit.hls.scaling import factor, passing, scaling
from hwgen.emit.hls.shared_points import POINTS, SharedTables, point_acc_bits, point_lines
from hwgen.emit.hls.types import ap, code_type, signed_bits
from hwgen.emit.hls.works import work_text
from hwgen.ops.arithmetic import Int, bits_for
from hwgen.plan.cost import ROWS, side_of, taps_of
from hwgen.plan.external import EXTERNAL
from hwgen.plan.histories import read_address, write_address
from hwgen.plan.model import Engine, Fold, Plan, Task
from hwgen.quant.lengths import at_length
from hwgen.quant.model import QGraph, QNode
from rtl_templates.mac_array.geometry import FORM

__all__ = ["sequential_context"]

_WEIGHED = ("mac", "linear")
"""Functions that multiply by weights: an array runs linear layers beside a mac engine."""

_PRODUCTS = ("matmul", "attention", "append", "pack")

_UNITS = (*_WEIGHED, "blocks", "vector", *POINTS, "norm", "softmax", "hadamard", *_PRODUCTS)
"""Functions that tasks run on, in the order in which they are written."""


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
    """The tables of all tasks of a function that multiplies by weights, one after the other."""

    weights: list[Int] = field(default_factory=list)
    biases: list[Int] = field(default_factory=list)
    multipliers: list[Int] = field(default_factory=list)
    first: dict[str, tuple[int, int]] = field(default_factory=dict)

    def place(self, name: str, make: Callable[[], MacConstants]) -> tuple[int, int]:
        """Append the tables of a task, once for all lengths; return its first rows.

        Those of the weights, and those of the biases.
        """
        if name not in self.first:
            rows = sum(len(rows) for rows in self.weights)
            self.first[name] = rows, sum(len(rows) for rows in self.biases)
            made = make()
            self.weights.append(made.weights)
            self.biases.append(made.biases)
            self.multipliers.append(made.multipliers)
        return self.first[name]

    def texts(self, unit: str, engine: dict[str, object]) -> tuple[Table, ...]:
        """Return the tables of all tasks."""
        kinds = (
            (engine["weight"], "weight", self.weights),
            (engine["acc"], "bias", self.biases),
            (ap(16, False), "multiplier", self.multipliers),
        )
        return tuple(
            Table(str(code), f"{unit}_{name}", np.concatenate(rows)) for code, name, rows in kinds
        )


def sequential_context(plan: Plan, qgraph: QGraph) -> dict[str, object]:
    """Return what the templates of a sequential plan read."""
    plans = [_with_external(variant) for variant in plan.variants]
    plan = plans[0]
    (buffer,) = plan.buffers
    units: dict[str, list[Task]] = {}
    for task in _order(plan):
        units.setdefault(_unit(plan, task), []).append(task)
    units = {unit: units[unit] for unit in _UNITS if unit in units}
    tasks: dict[str, list[TaskText]] = {unit: [] for unit in units}
    tables = {unit: _MacTables() for unit in _WEIGHED if unit in units}
    shared, rows, blocks = SharedTables(), SharedRows(), SharedBlocks()
    ports = max((len(task.reads) for task in units.get("vector", [])), default=1)
    programs = []
    for variant in plans:
        graph, program = at_length(qgraph, variant.tokens), []
        for task in _order(variant):
            unit = _unit(variant, task)
            program.append((unit, len(tasks[unit]), task.name))
            if unit in tables:
                text = _mac_task(variant, graph, task, tables[unit])
            elif unit == "vector":
                text = _vector_task(variant, graph, task, ports)
            elif unit == "pack":
                lines = pack_lines(variant, graph, task, shared)
                text = TaskText(task.name, _note(graph.node(task.node), task), lines)
            elif unit in POINTS:
                index = len(tasks[unit]) % len(units[unit])
                lines = point_lines(variant, graph, task, index, shared)
                text = TaskText(task.name, _note(graph.node(task.node), task), lines)
            elif unit == "blocks":
                lines = blocks.lines(variant, graph, task, _destination(variant, task))
                text = TaskText(task.name, _note(graph.node(task.node), task), lines)
            elif task.work.kind in ROWS:
                lines = rows.lines(variant, graph, task, _destination(variant, task))
                text = TaskText(task.name, _note(graph.node(task.node), task), lines)
            else:
                text = _product_task(variant, graph, task)
            tasks[unit].append(text)
        programs.append(program)
    engines = {unit: _engine(unit, plan, qgraph, own) for unit, own in units.items()}
    return {
        "buffer": buffer,
        "tasks": tasks,
        "ports": ports,
        "programs": programs,
        "layers": {unit: len(own) for unit, own in units.items()},
        "engines": engines,
        "block_form": {"sizes": form_sizes(FORM), "methods": form_methods(FORM)},
        "block_weight": BLOCK_WEIGHT,
        "counters": len(cached_nodes(plan)),
        "tables": (
            *(table for unit, own in tables.items() for table in own.texts(unit, engines[unit])),
            *shared.texts(tuple(units)),
            *rows.texts(),
            *_block_tables(blocks, engines.get("blocks")),
        ),
        "traces": _traces(plan, qgraph, _order(plan)),
    }


def _block_tables(blocks: SharedBlocks, engine: dict[str, object] | None) -> tuple[Table, ...]:
    return blocks.texts(str(engine["acc"])) if engine else ()


def _order(plan: Plan) -> list[Task]:
    """Return the tasks as the phases run them."""
    return [plan.task(name) for phase in plan.phases for name in phase.tasks]


def _with_external(plan: Plan) -> Plan:
    """Return a plan whose external caches lie behind the tensors of the buffer, in one array."""
    (buffer,) = plan.buffers
    end, placements = buffer.elements, []
    for place in plan.placements:
        if place.buffer == EXTERNAL:
            place = replace(place, address=end)
            end += place.elements
        placements.append(place)
    return replace(plan, buffers=(replace(buffer, elements=end),), placements=tuple(placements))


def _unit(plan: Plan, task: Task) -> str:
    """Return the function that runs a task."""
    if task.appends:
        return "pack" if task.work.kind == "pack" else "append"
    if task.work.blocks:
        return "blocks"
    if task.work.kind == "mac":
        return "mac" if plan.engine(task.engine).template == "mac" else "linear"
    return task.work.kind if task.work.kind in _UNITS else "vector"


def _mac_fold(engine: Engine) -> Fold:
    """Return the fold of weights: an array's rows take outputs, its columns elements of a token."""
    if engine.template == "mac":
        return engine.fold
    return Fold(1, engine.fold.outputs, engine.fold.rows, engine.fold.lanes)


def _engine(unit: str, plan: Plan, qgraph: QGraph, tasks: list[Task]) -> dict[str, object]:
    """Return types and sizes of a function that is shared by its tasks."""
    nodes = [qgraph.node(task.node) for task in tasks]
    engines = {task.engine: plan.engine(task.engine) for task in tasks}.values()
    in_bits = max(engine.in_bits for engine in engines)
    in_signed = any(engine.in_signed for engine in engines)
    acc = max(node.acc_bits for node in nodes)
    if unit == "vector":
        index = [bits_for(0, n.out.type.high) for n in nodes if n.op == "argmax"]
        acc = max([acc, in_bits + (not in_signed), *index])
    if unit in POINTS:
        acc = point_acc_bits(qgraph, unit, nodes)
    if unit == "blocks":
        acc = block_acc_bits(qgraph, tasks)
    kept = [qgraph.tensor(task.keeps).type for task in tasks if task.keeps]
    attends = [task.work.attend for task in tasks if task.work.attend]
    return {
        "input": ap(in_bits, in_signed),
        "acc": ap(max(acc, 1), True),
        "weight": ap(max(2, *(engine.weight_bits for engine in engines)), True),
        "result": ap(max(map(signed_bits, (*(node.out.type for node in nodes), *kept))), True),
        "fold": _mac_fold(next(iter(engines))) if unit in _WEIGHED else next(iter(engines)).fold,
        "multiplier": multiplier_sizes(next(iter(engines)).multiplier),
        "methods": multiplier_methods(next(iter(engines)).multiplier),
        "tile": max((attend.tile for attend in attends), default=0),
        "features": max((attend.features for attend in attends), default=0),
        "row": max(task.work.channel.count for task in tasks),
        "tiles": most_tiles(tasks, next(iter(engines)).fold.rows),
        "steps": most_steps(tasks, next(iter(engines)).fold.rows),
    }


def _note(node: QNode, task: Task) -> str:
    shape = "x".join(map(str, node.out.shape))
    return f"{node.op} to {shape}: {task.cycles} cycles"


def _source(plan: Plan, qgraph: QGraph, task: Task, port: int) -> tuple[int, str]:
    """Return address and signedness of a tensor that is read."""
    signed = "true" if qgraph.tensor(task.reads[port]).type.signed else "false"
    return read_address(plan, task, port), signed


def _destination(plan: Plan, task: Task) -> str:
    address = write_address(plan, task)
    work = task.work
    row = work.column.count * work.channel.count * work.outputs
    return f"{{{address}, {task.write_stride}, {row}}}"


def _mac_task(plan: Plan, qgraph: QGraph, task: Task, tables: _MacTables) -> TaskText:
    node = qgraph.node(task.node)
    read, signed = _source(plan, qgraph, task, 0)
    engine = plan.engine(task.engine)
    skips = engine.template == "mac" and taps_of(task.work, engine.fold) is not None
    skip = "true" if skips else "false"
    fold = _mac_fold(engine)
    side = side_of(task.work, fold)
    multiplier = engine.multiplier
    word, group = tables.place(
        task.shares or task.name, lambda: mac_constants(qgraph, node, task.work, fold, multiplier)
    )
    lines = (
        (f"{work_text(task.work)},", "loops"),
        (f"{read}, {signed},", "input: address, signedness"),
        (f"{_destination(plan, task)},", "output"),
        (f"{skip},", "whether steps in padding are left out"),
        (f"{side},", "convolution groups at once"),
        (f"{word}, {group},", "first rows of weights, of biases"),
        (f"{scaling(node)}", "scaling"),
    )
    return TaskText(task.name, _note(node, task), lines)


def _vector_task(plan: Plan, qgraph: QGraph, task: Task, ports: int) -> TaskText:
    node, kind, scales = qgraph.node(task.node), task.work.kind, ""
    assert kind != "concat", "a sequential plan has one copy per input of a concat"
    sources = [_source(plan, qgraph, task, port) for port in range(len(task.reads))]
    if kind == "add":
        factors = [factor(node, k) for k in range(len(sources))]
        before, start = [f.multiplier for f in factors], factors[0].offset
        multiplier, offset = 1, 0
    elif task.keeps:
        before, start, multiplier, offset = [1], 0, 1, 0
        scales = str(passing(qgraph.tensor(task.keeps).type))
    else:
        # A concat has one task per input, in order; any other node has one task.
        parts = [o.name for o in plan.tasks if o.node == node.name and not o.keeps]
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
        (f"{multiplier}, {offset}, {scales or scaling(node)}", "scaling"),
    )
    note = f"end of {task.keeps}: {task.cycles} cycles" if task.keeps else _note(node, task)
    return TaskText(task.name, note, lines)


def _product_task(plan: Plan, qgraph: QGraph, task: Task) -> TaskText:
    node = qgraph.node(task.node)
    if task.appends:
        lines = append_lines(plan, task)
    else:
        lines = attend_lines(plan, qgraph, task, _destination(plan, task))
    return TaskText(task.name, _note(node, task), lines)


def _array(values: list[int] | list[str], length: int, fill: str = "0") -> str:
    words = [str(value) for value in values] + [fill] * (length - len(values))
    return "{" + ", ".join(words) + "}"


def _traces(plan: Plan, qgraph: QGraph, order: list[Task]) -> list[TraceText]:
    """Return each node's tensor with the last phase that writes it."""
    traces = []
    for node in qgraph.nodes:
        last = max(i for i, task in enumerate(order) if task.node == node.name and not task.keeps)
        place = plan.placement(node.name)
        code = code_type(node.out.type)
        traces.append(TraceText(last, node.name, code, place.address, place.elements))
    return traces
