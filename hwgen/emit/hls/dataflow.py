"""A dataflow plan: one function per engine, joined by streams."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.emit.hls.constants import Table, mac_constants
from hwgen.emit.hls.methods import by_number
from hwgen.emit.hls.multipliers import form_methods, multiplier_methods, multiplier_sizes
from hwgen.emit.hls.points import point_tables, product_bits, turning_text
from hwgen.emit.hls.rows import row_record, row_tables
from hwgen.emit.hls.runs import run_constants, run_sizes
from hwgen.emit.hls.scaling import factor, scaling
from hwgen.emit.hls.types import ap, code_type, signed_bits
from hwgen.emit.hls.works import work_text
from hwgen.ops.arithmetic import bits_for
from hwgen.plan.cost import taps_of
from hwgen.plan.model import Channel, Engine, Plan, Task
from hwgen.plan.polynomial import run_form
from hwgen.plan.runs import run_work
from hwgen.quant.model import QGraph, QNode, QTensor

__all__ = ["dataflow_context"]

_FORK_DEPTH = 2  # beats: enough for a fork to send one while its reader takes another


@dataclass(frozen=True)
class StreamText:
    """A declaration: beats of ``lanes`` elements, ``depth`` of them."""

    name: str
    code: str
    lanes: int
    depth: int
    beats: int


@dataclass(frozen=True)
class ForkText:
    """One stream copied to several."""

    source: StreamText
    sinks: tuple[StreamText, ...]


@dataclass(frozen=True)
class EngineText:
    """The constants of an engine, and how its function is called.

    Parameters
    ----------
    types, sizes
        Members of the struct: aliases, and integers.
    methods
        Functions of an input's number: name, values by input.
    records
        Functions without arguments: name, also of the type, and initialiser.
    turn
        The rotation of a rope layer.
    tables
        Arrays beside the struct.
    arguments
        Of the call, in order.
    """

    node: str
    op: str
    note: str
    types: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, int], ...]
    constants: tuple[tuple[str, int], ...]
    methods: tuple[tuple[str, str], ...]
    records: tuple[tuple[str, str], ...]
    work: str
    turn: str
    scaling: str
    tables: tuple[Table, ...]
    arguments: tuple[str, ...]
    out: StreamText


def dataflow_context(plan: Plan, qgraph: QGraph) -> dict[str, object]:
    """Return what the templates of a dataflow plan read."""
    wires = _Wires(plan, qgraph)
    engines = tuple(_engine(plan, qgraph, task, wires) for task in plan.tasks)
    return {
        "engines": engines,
        "headers": tuple(sorted({engine.op for engine in engines})),
        "rows": tuple(sorted({item[0] for engine in engines for item in engine.records})),
        "tables": tuple(table for engine in engines for table in engine.tables),
        "streams": wires.streams,
        "forks": {fork.source.name: fork for fork in wires.forks},
        "sources": {item.name: wires.sources[item.name] for item in qgraph.inputs},
        "sinks": {name: wires.taken[(name, "", 0)] for name in qgraph.outputs},
    }


class _Wires:
    """The streams between functions: one per tensor, or one per reader behind a fork."""

    def __init__(self, plan: Plan, qgraph: QGraph) -> None:
        self.streams: list[StreamText] = []
        self.forks: list[ForkText] = []
        self.sources: dict[str, StreamText] = {}
        self.taken: dict[tuple[str, str, int], StreamText] = {}
        self._plan = plan
        depths = {task.node: plan.engine(task.engine).out_depth for task in plan.tasks}
        for tensor in (*qgraph.inputs, *(node.out for node in qgraph.nodes)):
            channels = [c for c in plan.channels if c.tensor == tensor.name]
            self._add(tensor, channels, max(depths.get(tensor.name, 0), _FORK_DEPTH))

    def _add(self, tensor: QTensor, channels: list[Channel], depth: int) -> None:
        first = channels[0]
        only = len(channels) == 1
        source = self._stream(
            f"{tensor.name}_stream", tensor, first, depth + (self._extra(first) if only else 0)
        )
        self.sources[tensor.name] = source
        sinks = [source]
        if not only:
            sinks = [
                self._stream(f"{tensor.name}_copy{k}", tensor, c, _FORK_DEPTH + self._extra(c))
                for k, c in enumerate(channels)
            ]
            self.forks.append(ForkText(source, tuple(sinks)))
        for channel, sink in zip(channels, sinks, strict=True):
            self.taken[(tensor.name, channel.sink, channel.port)] = sink

    def _extra(self, channel: Channel) -> int:
        """Return the beats that a channel's window holds where the C++ engine has no window."""
        ports = sum(c.sink == channel.sink for c in self._plan.channels)
        return channel.depth // channel.lanes if channel.sink and ports > 1 else 0

    def _stream(self, name: str, tensor: QTensor, channel: Channel, depth: int) -> StreamText:
        lanes = channel.lanes
        stream = StreamText(name, code_type(tensor.type), lanes, depth, tensor.elements // lanes)
        self.streams.append(stream)
        return stream


def _engine(plan: Plan, qgraph: QGraph, task: Task, wires: _Wires) -> EngineText:
    node, engine = qgraph.node(task.node), plan.engine(task.engine)
    note = _note(node, engine, task)
    channels = [c for c in plan.channels if c.sink == engine.name]
    channels.sort(key=lambda c: c.port)
    out = wires.sources[node.name]
    ins = tuple(wires.taken[(c.tensor, c.sink, c.port)].name for c in channels)
    types = [("Out", code_type(node.out.type)), ("Acc", ap(_acc_bits(qgraph, node), True))]
    sizes = [("L", engine.fold.lanes)]
    constants: list[tuple[str, int]] = []
    methods: list[tuple[str, str]] = []
    records: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    arguments = (*ins, out.name)
    if task.work.kind in ("add", "concat", "mul"):
        arguments = (out.name, *ins)
        factors = [factor(node, k) for k in range(len(channels))]
        methods.append(("int multiplier", by_number([f.multiplier for f in factors])))
        if node.op == "add":
            constants.append(("OFFSET", factors[0].offset))
        elif node.op == "mul":
            constants.append(("MULTIPLIER", factors[0].multiplier))
            methods = [("int zero", by_number(list(node.lowered.attrs["zeros"])))]
        else:
            methods.append(("std::int64_t offset", by_number([f.offset for f in factors])))
            methods.append(("int elements", by_number([p.row for p in task.work.ports])))
    else:
        channel = channels[0]
        types.insert(0, ("In", code_type(qgraph.tensor(node.inputs[0]).type)))
        sizes += [("IN_LANES", channel.lanes), ("DEPTH", channel.depth), ("BANKS", channel.banks)]
        if engine.template == "mac":
            types.append(("Weight", ap(engine.weight_bits, True)))
            fold = engine.fold
            sizes += [("T", fold.rows), ("P", fold.elements), ("PO", fold.outputs)]
            sizes += [("G", fold.groups), ("SKIP", int(taps_of(task.work, fold) is not None))]
            sizes += [("SAMPLES", fold.samples), ("TAPS", fold.taps)]
            if fold.samples > 1:
                sizes += run_sizes(task.work, engine)
                methods += form_methods(run_form(engine))
            else:
                sizes += [("FLAT", int(fold.flat)), *multiplier_sizes(engine.multiplier)]
                methods += multiplier_methods(engine.multiplier)
            tables = _tables(qgraph, node, task, engine)
            arguments = (*arguments, *(name for _, name, *_ in tables))
        elif engine.template == "row":
            records = (row_record(node, task.work.kind),)
            tables = row_tables(node, task.work.kind, engine.fold.lanes)
            arguments = (*arguments, *(name for _, name, *_ in tables))
        else:
            only = factor(node, 0)
            constants += [("MULTIPLIER", only.multiplier), ("OFFSET", only.offset)]
            tables = point_tables(node)
            arguments = (*arguments, *(name for _, name, *_ in tables))
            if task.work.kind == "table":
                constants.append(("LOW", node.lowered.attrs["low"]))
    return EngineText(
        node=node.name,
        op=node.op,
        note=note,
        types=tuple(types),
        sizes=tuple(sizes),
        constants=tuple(constants),
        methods=tuple(methods),
        records=records,
        work=work_text(run_work(task.work, engine.fold)),
        turn=turning_text(node) if node.op == "rope" else "",
        scaling=str(scaling(node)),
        tables=tables,
        arguments=arguments,
        out=out,
    )


def _note(node: QNode, engine: Engine, task: Task) -> str:
    shape = "x".join(map(str, node.out.shape))
    work = f"{engine.multipliers} multipliers" if engine.multipliers else "no multipliers"
    return f"{node.op} to {shape}: {work}, {task.cycles} cycles"


def _tables(qgraph: QGraph, node: QNode, task: Task, engine: Engine) -> tuple[Table, ...]:
    if engine.fold.samples > 1:
        constants = run_constants(qgraph, task, engine)
    else:
        constants = mac_constants(qgraph, node, task.work, engine.fold, engine.multiplier)
    kinds = (
        (ap(engine.weight_bits, True), "weight", constants.weights),
        (ap(node.acc_bits, True), "bias", constants.biases),
        (ap(16, False), "multiplier", constants.multipliers),
    )
    return tuple(Table(code, f"{node.name}_{name}", rows) for code, name, rows in kinds)


def _acc_bits(qgraph: QGraph, node: QNode) -> int:
    """Return the accumulator's width: the node's, or what holds a code that passes through."""
    if node.op == "mul":
        return product_bits(qgraph, node)
    codes = max(signed_bits(qgraph.tensor(name).type) for name in node.inputs)
    index = bits_for(0, node.out.type.high) if node.op == "argmax" else 0
    return node.acc_bits or max(codes, index)
