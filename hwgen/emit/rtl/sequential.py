"""A sequential plan: one buffer, one engine of each kind, a phase per task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring

from hwgen.emit.rtl.accelerator import Accelerator, Trace
from hwgen.emit.rtl.bound import Bound, bind
from hwgen.emit.rtl.caches import Caches, new_sequence
from hwgen.ops.types import QType
from hwgen.plan.cost import group_beats
from hwgen.plan.external import openings
from hwgen.plan.histories import write_address
from hwgen.plan.model import Plan
from rtl_templates.control.sequencer import Sequencer
from rtl_templates.control.store import Store
from rtl_templates.memory.missing import Missing
from rtl_templates.memory.select import TaskField
from rtl_templates.memory.shared_buffer import SharedBuffer, WritePhase

__all__ = ["SequentialAccelerator"]


@dataclass(frozen=True)
class _Phase:
    """One step of the sequencer: LOAD of an input, a task, or STORE of an output.

    ``plan`` is that of the length whose list it belongs to.
    """

    kind: str
    name: str
    plan: Plan


class SequentialAccelerator(Accelerator):
    """See :class:`Accelerator`; the plan's schedule is ``sequential``."""

    def build(
        self, m: Module, inputs: dict[str, Any], outputs: dict[str, Any]
    ) -> tuple[list[tuple[Any, Any]], list[Trace]]:
        """Instantiate sequencer, buffer and the engines, and route them phase by phase."""
        plan = self.plan
        (buffer_plan,) = plan.buffers
        lists = [_phases(variant) for variant in plan.variants]
        phases = [phase for one in lists for phase in one]
        m.submodules.sequencer = sequencer = Sequencer(len(lists[0]), len(lists))
        field = TaskField(m, sequencer.phase)
        m.d.comb += [
            sequencer.length.eq(self.next_length),
            self.length.eq(sequencer.list),
        ]

        here = Signal(len(phases))
        for k in range(len(phases)):
            m.d.comb += here[k].eq(sequencer.running & (sequencer.phase == k))
        first = [sequencer.phase == k * len(lists[0]) for k in range(len(lists))]
        fresh = new_sequence(m, self.fresh, sequencer.between | Cat(first).any())
        begins = [sequencer.phase == k * len(lists[0]) + len(inputs) for k in range(len(lists))]
        begin = sequencer.start & Cat(begins).any()
        caches = Caches.of(m, plan, fresh, begin, self.length)
        missing = self._missing(m, fresh)
        engines = [bind(plan, self.qgraph, engine) for engine in plan.engines]
        memory = next((engine for engine in engines if engine.template == "memory"), None)
        for engine in sorted(engines, key=lambda engine: engine is not memory):
            engine.fresh, engine.caches, engine.memory = fresh, caches.counts, memory
            engine.missing = {name: part.missing for name, part in missing.items()}
            engine.length = self.length
            self._build_engine(m, engine, phases, field, sequencer)

        # Writers: the inputs' streams, then the engines' beats.
        writing = [engine for engine in engines if engine is not memory]
        writers = [*plan.input_lanes.values(), *(engine.lanes for engine in writing)]
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
            phases=[self._writes(phase, list(plan.input_lanes), writing) for phase in phases],
        )
        m.d.comb += [buffer.phase.eq(sequencer.phase), buffer.start.eq(sequencer.start)]

        self._load(m, inputs, buffer, phases, here, sequencer)
        for engine in engines:
            mine = [p for p, phase in enumerate(phases) if phase.kind == engine.template]
            m.d.comb += engine.data.eq(buffer.r_data)
            if engine in writing:
                place = len(plan.input_lanes) + writing.index(engine)
                m.d.comb += [
                    buffer.push[place].eq(engine.beat_valid),
                    buffer.beats[place].eq(engine.beat),
                ]
                if engine.single is not None:
                    m.d.comb += buffer.single.eq(engine.single)
            with m.If(Cat(here[p] for p in mine).any()):
                done = buffer.written if engine.done is None else engine.done
                m.d.comb += [buffer.r_address.eq(engine.address), sequencer.done.eq(done)]
                if engine.index is not None:
                    m.d.comb += buffer.offset.eq(engine.index)
            for p in mine:
                task = phases[p].plan.task(phases[p].name)
                if task.name in missing:
                    part = missing[task.name]
                    m.d.comb += [part.step.eq(here[p]), part.done.eq(sequencer.done)]
                offset = caches.follow(m, task, here[p], sequencer.done, engine)
                if offset is not None:
                    with m.If(here[p]):
                        m.d.comb += buffer.offset.eq(offset)
            for name, pulse in engine.flags.items():
                self.flags.setdefault(name, []).append(pulse)
        self.flags["overflow"] = caches.overflows
        if memory is not None:
            self._connect_memory(m, memory)
            self._open_caches(m, memory, phases, sequencer)
        idle = self._store(m, outputs, buffer, phases, here, sequencer)
        # Streams count beats by the present length, so the tensor before must have left.
        source = next(iter(inputs.values()))
        m.d.comb += sequencer.go.eq(source.valid & Cat(idle).all())
        return [(engine.step, Const(0, 1)) for engine in engines], self._traces(
            engines, phases, here, buffer
        )

    def _connect_memory(self, m: Module, memory: Any) -> None:
        for name in ("ar", "aw", "w"):
            wiring.connect(m, getattr(memory, name), wiring.flipped(getattr(self.mem, name)))
        for name in ("r", "b"):
            wiring.connect(m, wiring.flipped(getattr(self.mem, name)), getattr(memory, name))
        self.flags["memory"] = [memory.error]

    def _open_caches(
        self, m: Module, memory: Any, phases: list[_Phase], sequencer: Sequencer
    ) -> None:
        """Say when reading the caches in external memory may begin."""
        for node, task in openings(self.plan).items():
            here = [
                sequencer.phase == p
                for p, phase in enumerate(phases)
                if phase.name == task and phase.kind not in ("load", "store")
            ]
            m.d.comb += memory.opens[node].eq(sequencer.start & Cat(here).any())

    def _missing(self, m: Module, fresh: Any) -> dict[str, Missing]:
        """Return what each task with a history misses, by its name."""
        found = {}
        for task in self.plan.tasks:
            port = task.work.ports[0]
            if port.missing:
                part = Missing(missing=port.missing, fresh=port.fresh)
                m.submodules[f"missing_{task.name}"] = found[task.name] = part
                m.d.comb += part.clear.eq(fresh)
        return found

    def _build_engine(
        self, m: Module, engine: Bound, phases: list[_Phase], field: Any, sequencer: Any
    ) -> None:
        """Instantiate an engine and start it in its phases."""
        mine = [phase.kind == engine.template for phase in phases]
        places = [p for p, runs in enumerate(mine) if runs]  # in the order of the engine's tasks
        start = Signal(name=f"start_{engine.template}")
        m.d.comb += start.eq(sequencer.start & field(mine, f"is_{engine.template}"))
        # The index itself is not registered: the engines register what they look up with it.
        task = Signal(range(max(2, len(places))), name=f"task_{engine.template}")
        engine.kind = Signal(range(max(2, engine.alike)), name=f"kind_{engine.template}")
        with m.Switch(sequencer.phase):
            for index, k in enumerate(places):
                with m.Case(k):
                    m.d.comb += [task.eq(index), engine.kind.eq(index % engine.alike)]
        engine.build(m, task, start)

    def _writes(self, phase: _Phase, inputs: list[str], engines: list[Bound]) -> WritePhase:
        """Return where the beats of a phase go."""
        if phase.kind in ("store", "memory"):
            return WritePhase()
        if phase.kind == "load":
            place = phase.plan.placement(phase.name)
            beats = place.elements // self.plan.input_lanes[phase.name]
            return WritePhase(inputs.index(phase.name), place.address, beats)
        task = phase.plan.task(phase.name)
        if task.sizes:  # two caches, one beside the other: offsets count from the buffer's start
            fold = self.plan.engine(task.engine).fold
            beats = task.work.positions * sum(group_beats(task.work, fold))
            writer = len(inputs) + [engine.template for engine in engines].index(phase.kind)
            return WritePhase(writer, 0, beats, placed=True, singles=True)
        index = [engine.template for engine in engines].index(phase.kind)
        lanes = engines[index].lanes
        placed = engines[index].index is not None or bool(task.appends)
        address = write_address(self.plan, task)
        beats = task.work.results // lanes
        row, skip = 1, 0
        if task.write_stride:
            row = task.work.channel.count // lanes
            skip = task.write_stride - task.work.channel.count
        return WritePhase(len(inputs) + index, address, beats, row, skip, placed)

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
            running = _runs(here, phases, "load", name)
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
    ) -> list[Any]:
        """Send an output's elements while its STORE phase runs; return what of them has left."""
        idle = []
        for name, sink in outputs.items():
            running = _runs(here, phases, "store", name)
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
                store.length.eq(self.length),
                store.run.eq(running),
                store.data.eq(Cat(codes)),
                sink.payload.eq(store.o.payload),
                sink.valid.eq(store.o.valid),
                store.o.ready.eq(sink.ready),
            ]
            with m.If(running):
                m.d.comb += [buffer.r_address.eq(store.read), sequencer.done.eq(store.done)]
            idle.append(store.idle)
        return idle

    def _traces(
        self, engines: list[Bound], phases: list[_Phase], here: Any, buffer: Any
    ) -> list[Trace]:
        traces = []
        for phase in phases[: len(phases) // len(self.plan.variants)]:
            for engine in engines:
                if engine.template == phase.kind and not self.plan.task(phase.name).moves:
                    bits = self.qgraph.tensor(self.plan.task(phase.name).node).type.bits
                    codes = [
                        engine.beat.word_select(lane, buffer.bits)[:bits]
                        for lane in range(engine.lanes)
                    ]
                    traces.append(
                        Trace(
                            phase.name,
                            _runs(here, phases, phase.kind, phase.name) & engine.beat_valid,
                            buffer.index * engine.lanes if engine.index is None else engine.index,
                            Cat(codes),
                        )
                    )
        return traces


def _phases(plan: Plan) -> list[_Phase]:
    """Return the list of phases of a length."""
    return [
        *(_Phase("load", name, plan) for name in plan.input_lanes),
        *(_Phase(plan.engine(task.engine).template, task.name, plan) for task in plan.tasks),
        *(_Phase("store", name, plan) for name in plan.output_lanes),
    ]


def _runs(here: Any, phases: Sequence[_Phase], kind: str, name: str) -> Any:
    """Return whether a phase runs, of whatever length."""
    return Cat(
        here[k] for k, phase in enumerate(phases) if (phase.kind, phase.name) == (kind, name)
    ).any()


def _code(value: Any, item: QType, bits: int) -> Any:
    """Return a code extended to ``bits`` bits."""
    sign = value[-1] if item.signed else Const(0, 1)
    return Cat(value, *[sign] * (bits - item.bits))
