"""A sequential plan: one buffer, one engine of each kind, a phase per task."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal

from hwgen.emit.rtl.accelerator import Accelerator, Trace
from hwgen.emit.rtl.memories import channel_words, weight_words
from hwgen.emit.rtl.tasks import (
    input_types,
    mac_task,
    multiplier_bits,
    vector_acc_bits,
    vector_task,
)
from hwgen.emit.rtl.walks import granule, mac_walk, vector_walk
from hwgen.ops import get_op
from hwgen.ops.types import QType
from hwgen.plan.model import Engine, Plan, Task
from hwgen.quant.model import QGraph
from rtl_templates.control.sequencer import Sequencer
from rtl_templates.control.store import Store
from rtl_templates.mac.mac_core import MacCore, MacShape
from rtl_templates.memory.mover import Mover
from rtl_templates.memory.select import TaskField
from rtl_templates.memory.shared_buffer import SharedBuffer, WritePhase
from rtl_templates.vector.vector_core import VectorCore, VectorShape

__all__ = ["SequentialAccelerator"]


@dataclass(frozen=True)
class _Phase:
    """One step of the sequencer: LOAD of an input, a task, or STORE of an output."""

    kind: str
    name: str


class SequentialAccelerator(Accelerator):
    """See :class:`Accelerator`; the plan's schedule is ``sequential``."""

    def build(
        self, m: Module, inputs: dict[str, Any], outputs: dict[str, Any]
    ) -> tuple[list[tuple[Any, Any]], list[Trace]]:
        """Instantiate sequencer, buffer and the engines, and route them phase by phase."""
        plan = self.plan
        (buffer_plan,) = plan.buffers
        phases = [
            *(_Phase("load", name) for name in plan.input_lanes),
            *(_Phase(plan.engine(task.engine).template, task.name) for task in plan.tasks),
            *(_Phase("store", name) for name in plan.output_lanes),
        ]
        m.submodules.sequencer = sequencer = Sequencer(len(phases))
        field = TaskField(m, sequencer.phase)

        engines = [_BoundEngine(plan, self.qgraph, engine) for engine in plan.engines]
        for engine in engines:
            engine.build(m, phases, field, sequencer)

        # Writers: the inputs' streams, then the engines' beats.
        writers = [*plan.input_lanes.values(), *(engine.lanes for engine in engines)]
        lanes = max([*plan.output_lanes.values(), *(engine.reads for engine in engines)])
        addresses = [plan.placement(name).address for name in plan.output_lanes]
        m.submodules.buffer = buffer = SharedBuffer(
            elements=buffer_plan.elements,
            bits=buffer_plan.bits,
            banks=buffer_plan.banks,
            granule=gcd(
                buffer_plan.banks,
                *(engine.granule for engine in engines),
                *addresses,
                *plan.output_lanes.values(),
            ),
            lanes=lanes,
            writers=writers,
            phases=[self._writes(phase, list(plan.input_lanes), engines) for phase in phases],
        )
        m.d.comb += [buffer.phase.eq(sequencer.phase), buffer.start.eq(sequencer.start)]

        here = Signal(len(phases))
        for k in range(len(phases)):
            m.d.comb += here[k].eq(sequencer.running & (sequencer.phase == k))
        self._load(m, inputs, buffer, phases, here, sequencer)
        for k, engine in enumerate(engines):
            mine = Cat(here[p] for p, phase in enumerate(phases) if phase.kind == engine.template)
            m.d.comb += [
                engine.data.eq(buffer.r_data),
                buffer.push[len(plan.input_lanes) + k].eq(engine.beat_valid),
                buffer.beats[len(plan.input_lanes) + k].eq(engine.beat),
            ]
            with m.If(mine.any()):
                m.d.comb += [buffer.r_address.eq(engine.address), sequencer.done.eq(buffer.written)]
        self._store(m, outputs, buffer, phases, here, sequencer)
        return [(engine.step, Const(0, 1)) for engine in engines], self._traces(
            engines, phases, here, buffer
        )

    def _writes(self, phase: _Phase, inputs: list[str], engines: list[Any]) -> WritePhase:
        """Return where the beats of a phase go."""
        if phase.kind == "store":
            return WritePhase()
        if phase.kind == "load":
            place = self.plan.placement(phase.name)
            beats = place.elements // self.plan.input_lanes[phase.name]
            return WritePhase(inputs.index(phase.name), place.address, beats)
        task = self.plan.task(phase.name)
        index = [engine.template for engine in engines].index(phase.kind)
        lanes = engines[index].lanes
        address = self.plan.placement(task.node).address + task.write_offset
        beats = task.work.results // lanes
        row, skip = 1, 0
        if task.write_stride:
            row = task.work.channel.count // lanes
            skip = task.write_stride - task.work.channel.count
        return WritePhase(len(inputs) + index, address, beats, row, skip)

    def _load(
        self,
        m: Module,
        inputs: dict[str, Any],
        buffer: Any,
        phases: list[_Phase],
        here: Any,
        sequencer: Any,
    ) -> None:
        """Accept an input's beats while its LOAD phase runs."""
        for k, (name, source) in enumerate(inputs.items()):
            running = here[phases.index(_Phase("load", name))]
            item = self.qgraph.tensor(name).type
            lanes = [
                _code(source.payload.word_select(lane, item.bits), item, buffer.bits)
                for lane in range(self.plan.input_lanes[name])
            ]
            m.d.comb += [
                source.ready.eq(running),
                buffer.push[k].eq(source.valid & running),
                buffer.beats[k].eq(Cat(lanes)),
            ]
            with m.If(running):
                m.d.comb += sequencer.done.eq(buffer.written)

    def _store(
        self,
        m: Module,
        outputs: dict[str, Any],
        buffer: Any,
        phases: list[_Phase],
        here: Any,
        sequencer: Any,
    ) -> None:
        """Send an output's elements while its STORE phase runs."""
        for name, sink in outputs.items():
            running = here[phases.index(_Phase("store", name))]
            item = self.qgraph.tensor(name).type
            lanes = self.plan.output_lanes[name]
            m.submodules[f"store_{name}"] = store = Store(
                address=self.plan.placement(name).address,
                lanes=lanes,
                bits=item.bits,
                beats=self.beats[name],
            )
            codes = [
                buffer.r_data.word_select(lane, buffer.bits)[: item.bits] for lane in range(lanes)
            ]
            m.d.comb += [
                store.run.eq(running),
                store.data.eq(Cat(codes)),
                sink.payload.eq(store.o.payload),
                sink.valid.eq(store.o.valid),
                store.o.ready.eq(sink.ready),
            ]
            with m.If(running):
                m.d.comb += [buffer.r_address.eq(store.read), sequencer.done.eq(store.done)]

    def _traces(
        self, engines: list[Any], phases: list[_Phase], here: Any, buffer: Any
    ) -> list[Trace]:
        traces = []
        for k, phase in enumerate(phases):
            for engine in engines:
                if engine.template == phase.kind:
                    bits = self.qgraph.tensor(self.plan.task(phase.name).node).type.bits
                    codes = [
                        engine.beat.word_select(lane, buffer.bits)[:bits]
                        for lane in range(engine.lanes)
                    ]
                    traces.append(
                        Trace(
                            phase.name,
                            here[k] & engine.beat_valid,
                            buffer.index * engine.lanes,
                            Cat(codes),
                        )
                    )
        return traces


class _BoundEngine:
    """One time-shared engine with the constants of all its tasks.

    After ``build``: ``address`` of the read of this cycle, ``data`` to be driven with it one
    cycle later, ``beat_valid`` and ``beat`` to write, ``step`` for the counters.
    """

    def __init__(self, plan: Plan, qgraph: QGraph, engine: Engine) -> None:
        self.plan = plan
        self.qgraph = qgraph
        self.engine = engine
        self.template = engine.template
        self.lanes = engine.fold.lanes
        self.reads = engine.fold.elements if engine.template == "mac" else engine.fold.lanes
        self.tasks = [task for task in plan.tasks if task.engine == engine.name]
        (self.buffer,) = plan.buffers
        self.types = [self._types(task) for task in self.tasks]
        fold = engine.fold
        self.walks = [
            mac_walk(task.work, fold)
            if self.template == "mac"
            else vector_walk(task.work, fold.lanes)
            for task in self.tasks
        ]
        self.granule = self.buffer.banks
        for task, walk in zip(self.tasks, self.walks, strict=True):
            for tensor in task.reads:
                start = plan.placement(tensor).address
                self.granule = gcd(self.granule, granule(walk, self.buffer.banks, start=start))

    def _port(self, task: Task) -> int | None:
        """Return which input of a concat a copy task moves; None for other tasks."""
        node = self.qgraph.node(task.node)
        if node.op != "concat":
            return None
        return [item.name for item in self.tasks if item.node == task.node].index(task.name)

    def _types(self, task: Task) -> tuple[QType, ...]:
        return tuple(self.qgraph.tensor(name).type for name in task.reads)

    def build(self, m: Module, phases: list[_Phase], field: Any, sequencer: Any) -> None:
        """Instantiate the core and start it in its phases."""
        mine = [phase.kind == self.template for phase in phases]
        names = [task.name for task in self.tasks]
        index = [
            names.index(phase.name) if here else 0 for phase, here in zip(phases, mine, strict=True)
        ]
        start = Signal(name=f"start_{self.template}")
        m.d.comb += start.eq(sequencer.start & field(mine, f"is_{self.template}"))
        # The index itself is not registered: the cores register what they look up with it.
        task = Signal(range(max(2, len(names))), name=f"task_{self.template}")
        with m.Switch(sequencer.phase):
            for k, value in enumerate(index):
                with m.Case(k):
                    m.d.comb += task.eq(value)
        if self.template == "mac":
            self._build_mac(m, task, start)
        else:
            self._build_vector(m, task, start)

    def _bases(self, m: Module, task: Any, port: int) -> Any:
        """Return where the port's tensor of the present task begins."""
        values = [
            self.plan.placement(item.reads[min(port, len(item.reads) - 1)]).address
            for item in self.tasks
        ]
        return TaskField(m, task)(values, f"base_{self.template}_{port}")

    def _build_mac(self, m: Module, task: Any, start: Any) -> None:
        fold, engine = self.engine.fold, self.engine
        nodes = [self.qgraph.node(item.node) for item in self.tasks]
        requants = [node.lowered.requant for node in nodes]
        factor_bits = max(multiplier_bits(item) for item in requants if item is not None)
        signed = any(types[0].signed for types in self.types)
        shape = MacShape(
            rows=1,
            row_pitch=0,
            elements=fold.elements,
            outputs=fold.outputs,
            lanes=fold.lanes,
            x_bits=self.buffer.bits,
            x_signed=signed,
            weight_bits=engine.weight_bits,
            acc_bits=max(node.acc_bits for node in nodes),
            multiplier_bits=factor_bits,
            out_bits=self.buffer.bits,
        )
        tasks: list[Any] = []
        weights: list[int] = []
        channels: list[int] = []
        for item, node, walk, types in zip(self.tasks, nodes, self.walks, self.types, strict=True):
            assert node.lowered.requant is not None
            tasks.append(
                mac_task(node, types[0], item.work, fold, walk, len(weights), len(channels))
            )
            shapes = [self.qgraph.tensor(name).shape for name in node.inputs]
            codes = get_op(node.op).stream_weights(node.lowered, shapes)
            weights += weight_words(codes, item.work, fold, engine.weight_bits)
            channels += channel_words(
                node.lowered.constants["bias"],
                node.lowered.requant,
                fold.lanes,
                shape.acc_bits,
                factor_bits,
            )
        core = MacCore(shape, tasks, weights, channels, sequential=True)
        m.submodules.mac = core
        base = self._bases(m, task, 0)
        self.data = core.data[0]
        self.address = base + core.address[0]
        self.step, self.beat_valid, self.beat = core.step, core.beat_valid, core.beat
        m.d.comb += [core.task.eq(task), core.start.eq(start), core.go.eq(1)]

    def _build_vector(self, m: Module, task: Any, start: Any) -> None:
        nodes = [self.qgraph.node(item.node) for item in self.tasks]
        constants, acc_bits = [], []
        for item, node, types in zip(self.tasks, nodes, self.types, strict=True):
            all_types = input_types(self.qgraph, node)
            constants.append(vector_task(node, item.work.kind, all_types, self._port(item)))
            acc_bits.append(vector_acc_bits(constants[-1], types, item.work))
        ports = max(len(item.reads) for item in self.tasks)
        shape = VectorShape(
            lanes=self.lanes,
            ports=ports,
            x_bits=self.buffer.bits,
            acc_bits=max(acc_bits),
            out_bits=self.buffer.bits,
        )
        m.submodules.vector = core = VectorCore(shape, constants)
        m.submodules.mover = mover = Mover(self.walks, sequential=True)
        bases = [self._bases(m, task, port) for port in range(ports)]
        # The outermost level of a group counts kernel rows where there is only one input.
        several = TaskField(m, task)([len(item.reads) > 1 for item in self.tasks], "several")
        port = Signal(range(max(2, ports)))
        base = bases[0]
        if ports > 1:
            with m.If(several):
                m.d.comb += port.eq(mover.port)
            base = Signal(range(self.buffer.elements))
            with m.Switch(port):
                for k, value in enumerate(bases):
                    with m.Case(k):
                        m.d.comb += base.eq(value)
        self.data = core.data
        self.address = base + mover.y + mover.x
        self.step, self.beat_valid, self.beat = mover.step, core.beat_valid, core.beat
        m.d.comb += [
            core.task.eq(task),
            mover.task.eq(task),
            mover.start.eq(start),
            mover.go.eq(1),
            core.step.eq(mover.step),
            core.first.eq(mover.first),
            core.last.eq(mover.last),
            core.port.eq(port),
        ]


def _code(value: Any, item: QType, bits: int) -> Any:
    """Return a code extended to ``bits`` bits."""
    sign = value[-1] if item.signed else Const(0, 1)
    return Cat(value, *[sign] * (bits - item.bits))
