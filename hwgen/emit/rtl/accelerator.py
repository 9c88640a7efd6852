"""What every emitted accelerator has: streams, registers, traces."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from hwgen.plan.model import Plan, Task
from hwgen.quant.lengths import at_length
from hwgen.quant.model import QGraph
from rtl_templates.control.registers import RegisterPort, Registers
from rtl_templates.control.tensor_end import TensorEnd
from rtl_templates.control.tensor_entry import TensorEntry
from rtl_templates.memory_port.axi import AxiPort

__all__ = ["Accelerator", "Trace", "trace_index_bits", "traced"]

VERSION = 0x00000100
"""Of the register map and the stream protocol: 0.1.0."""


class Trace:
    """Beats of a task's results as they are made: ``valid``, ``index``, ``data``."""

    def __init__(self, task: str, valid: Any, index: Any, data: Any) -> None:
        self.task = task
        self.valid = valid
        self.index = index
        self.data = data


def traced(plan: Plan) -> list[Task]:
    """Return the tasks whose results are part of their node's tensor."""
    return [task for task in plan.tasks if not task.moves]


def trace_index_bits(elements: int) -> int:
    """Return the width of the element index of a task with this many results."""
    return max(1, (elements - 1).bit_length())


class Accelerator(wiring.Component):
    """Streams ``s_<input>`` and ``m_<output>`` with ``last``, register port ``reg``, traces.

    Subclasses connect ``inputs`` and ``outputs`` (plain streams of beats) in ``build``, and
    return one (active, waiting) pair per engine and the traces.  ``fresh`` asks them to begin a
    new sequence; they add to ``flags`` the pulses for the status register, by name.  Where tensors
    have several lengths they drive ``length``, the index of the one under way, when the first beat
    of a tensor comes, from ``next_length``.

    Parameters
    ----------
    plan, qgraph
        What to build.
    trace : bool
        Give the module ``trace_<task>_{valid,index,data}`` ports.
    identity : int
        32 bits for the ``ID`` register.
    """

    def __init__(self, plan: Plan, qgraph: QGraph, *, trace: bool, identity: int) -> None:
        self.plan = plan
        self.fresh = Signal(name="fresh")
        self.flags: dict[str, list[Any]] = {}
        self.qgraph = qgraph
        self.trace = trace
        self.identity = identity
        members: dict[str, Any] = {"reg": In(RegisterPort)}
        self.length = Signal(range(max(2, len(plan.variants))), name="length")
        graphs = [at_length(qgraph, variant.tokens) for variant in plan.variants]
        self.beats = {
            name: tuple(graph.tensor(name).elements // lanes for graph in graphs)
            for name, lanes in (*plan.input_lanes.items(), *plan.output_lanes.items())
        }
        for name, lanes in plan.input_lanes.items():
            members[f"s_{name}"] = In(stream.Signature(self._payload(name, lanes)))
        for name, lanes in plan.output_lanes.items():
            members[f"m_{name}"] = Out(stream.Signature(self._payload(name, lanes)))
        if plan.memory is not None:
            members["mem"] = Out(AxiPort(plan.memory.address_bits, plan.memory.data_bits))
        if trace:
            for task in traced(plan):
                lanes = plan.engine(task.engine).fold.lanes
                width = qgraph.tensor(task.node).type.bits * lanes
                members |= {
                    f"trace_{task.name}_valid": Out(1),
                    f"trace_{task.name}_index": Out(trace_index_bits(task.work.results)),
                    f"trace_{task.name}_data": Out(width),
                }
        super().__init__(members)

    def _payload(self, name: str, lanes: int) -> StructLayout:
        return StructLayout({"data": self.qgraph.tensor(name).type.bits * lanes, "last": 1})

    def build(
        self, m: Module, inputs: dict[str, Any], outputs: dict[str, Any]
    ) -> tuple[list[tuple[Any, Any]], list[Trace]]:
        """Connect the inside; see the class."""
        raise NotImplementedError

    def elaborate(self, platform: object) -> Module:
        """Return the module."""
        m = Module()
        inputs, outputs = {}, {}
        m.submodules.registers = registers = Registers(
            identity=self.identity,
            version=VERSION,
            engines=len(self.plan.engines),
            inputs=len(self.plan.input_lanes),
            outputs=len(self.plan.output_lanes),
            saturations=max(
                (
                    self.plan.engine(task.engine).fold.outputs
                    for task in self.plan.tasks
                    if task.work.kind == "attention"
                ),
                default=0,
            ),
            lengths=self.plan.lengths,
        )
        m.d.comb += self.fresh.eq(registers.fresh)
        self.next_length = registers.length
        wiring.connect(m, wiring.flipped(self.reg), registers.bus)
        misplaced = []
        for position, name in enumerate(self.plan.input_lanes):
            port = getattr(self, f"s_{name}")
            m.submodules[f"entry_{name}"] = entry = self._entry(name, len(port.payload.data))
            wiring.connect(m, wiring.flipped(port), entry.i)
            m.d.comb += [
                entry.length.eq(self.length),
                registers.begins[position].eq(entry.begins),
            ]
            misplaced.append(entry.misplaced)
            inputs[name] = entry.o
        for position, name in enumerate(self.plan.output_lanes):
            port = getattr(self, f"m_{name}")
            inner = stream.Signature(len(port.payload.data)).flip().create(path=(f"out_{name}",))
            end = self._end(m, name, port)
            m.d.comb += [
                port.payload.data.eq(inner.payload),
                port.payload.last.eq(end.last),
                port.valid.eq(inner.valid),
                inner.ready.eq(port.ready),
            ]
            m.d.comb += registers.ends[position].eq(port.valid & port.ready & end.last)
            outputs[name] = inner
        m.d.comb += registers.misplaced.eq(Cat(misplaced).any())

        activity, traces = self.build(m, inputs, outputs)
        for k, (active, waiting) in enumerate(activity):
            m.d.comb += [registers.active[k].eq(active), registers.waiting[k].eq(waiting)]
        for name, pulses in self.flags.items():
            total = sum(pulses[1:], pulses[0]) if pulses else Const(0, 1)
            m.d.comb += getattr(registers, name).eq(total if name == "saturated" else total != 0)
        if self.trace:
            for trace in traces:
                for part in ("valid", "index", "data"):
                    port = getattr(self, f"trace_{trace.task}_{part}")
                    m.d.comb += port.eq(getattr(trace, part))
        return m

    def _entry(self, name: str, width: int) -> TensorEntry:
        """Return what takes an input's beats; elements that do not come are zero."""
        item, lanes = self.qgraph.tensor(name).type, self.plan.input_lanes[name]
        code = item.zero_point & ((1 << item.bits) - 1)
        fill = sum(code << (item.bits * lane) for lane in range(lanes))
        return TensorEntry(width, self.beats[name], fill)

    def _end(self, m: Module, name: str, port: Any) -> TensorEnd:
        end = TensorEnd(self.beats[name])
        m.submodules[f"end_{name}"] = end
        m.d.comb += [end.transfer.eq(port.valid & port.ready), end.length.eq(self.length)]
        return end
