"""Verilog of an accelerator, with AXI-Stream port names."""

from __future__ import annotations

from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable, Module, Signal
from amaranth.lib import wiring

from hwgen.emit.rtl.accelerator import Accelerator, traced
from hwgen.emit.rtl.top import build_top
from hwgen.emit.rtl.yosys import verilog_of
from hwgen.plan.model import MemoryPort, Plan
from hwgen.quant.model import QGraph
from rtl_templates.memory_port.memory_model import MemoryModel
from rtl_templates.memory_port.pins import axi_pins

__all__ = ["emit_verilog"]


def emit_verilog(
    plan: Plan,
    qgraph: QGraph,
    *,
    trace: bool = False,
    identity: int = 0,
    model: bool = False,
) -> str:
    """Return the Verilog of a plan: deterministic, without paths of this machine.

    Ports are listed in ``docs/architecture.md``.

    Parameters
    ----------
    trace
        Add the ``trace_*`` ports that testbenches use to find a mismatch.
    identity
        32 bits for the ``ID`` register.
    model
        Put a model of external memory behind its port, if the plan has one: for testbenches.
    """
    top = _AxiPorts(build_top(plan, qgraph, trace=trace, identity=identity), model=model)
    text = rtlil.convert(top, name=plan.name, ports=top.ports, emit_src=False)
    return verilog_of(text)


class _AxiPorts(Elaboratable):
    """Gives the streams their AXI names."""

    def __init__(self, accelerator: Accelerator, *, model: bool) -> None:
        self.accelerator = accelerator
        self.links: list[tuple[Signal, Any, bool]] = []  # port, member, whether it is an input
        for name in accelerator.plan.input_lanes:
            self._stream(getattr(accelerator, f"s_{name}"), f"s_axis_{name}", into=True)
        for name in accelerator.plan.output_lanes:
            self._stream(getattr(accelerator, f"m_{name}"), f"m_axis_{name}", into=False)
        for part in ("addr", "wdata", "write", "rdata"):
            self._link(getattr(accelerator.reg, part), f"reg_{part}", into=part != "rdata")
        if accelerator.trace:
            for task in traced(accelerator.plan):
                for part in ("valid", "index", "data"):
                    name = f"trace_{task.name}_{part}"
                    self._link(getattr(accelerator, name), name, into=False)
        self.module = Module()
        self.pins: list[Signal] = []
        memory = accelerator.plan.memory
        if memory is not None and not model:
            self.pins = [pin for pin, _ in axi_pins(self.module, accelerator.mem, "m_axi_mem")]
        elif memory is not None:
            self._model(memory)

    def _model(self, memory: MemoryPort) -> None:
        """Put a model of the memory behind the port: testbenches see streams only."""
        size = 1 << memory.address_bits
        self.module.submodules.behind_port = model = MemoryModel(
            address_bits=memory.address_bits,
            data_bits=memory.data_bits,
            words=size * 8 // memory.data_bits,
        )
        self.module.d.comb += model.latency.eq(memory.latency)
        wiring.connect(self.module, self.accelerator.mem, model.port)

    def _link(self, member: Any, name: str, *, into: bool) -> None:
        self.links.append((Signal(len(member), name=name), member, into))

    def _stream(self, member: Any, prefix: str, *, into: bool) -> None:
        self._link(member.payload.data, f"{prefix}_tdata", into=into)
        self._link(member.valid, f"{prefix}_tvalid", into=into)
        self._link(member.payload.last, f"{prefix}_tlast", into=into)
        self._link(member.ready, f"{prefix}_tready", into=not into)

    @property
    def ports(self) -> dict[str, Any]:
        """Ports by name; their directions follow from who drives them."""
        ports = [*(port for port, _, _ in self.links), *self.pins]
        return {port.name: (port, None) for port in ports}

    def elaborate(self, platform: object) -> Module:
        """Return the module."""
        m = self.module
        m.submodules.accelerator = self.accelerator
        for port, member, into in self.links:
            m.d.comb += member.eq(port) if into else port.eq(member)
        return m
