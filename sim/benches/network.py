"""Bench of an emitted top: feed its streams, take its results, compare them with the golden model.

``HWGEN_BENCH`` names a JSON file: the ports, the scenarios with their deadlines (cycles), and the
``.npz`` with stimulus and expectations, as bytes of beats:

- ``in_<input>``, ``out_<output>`` (beats, bytes): all tensors, golden results; ``ends`` of a port
  are the beats up to the end of each tensor;
- ``willing_<scenario>`` (streams, period): which cycles each stream is willing in.

A scenario's observation goes to ``<results>/<scenario>.npz``, also if it fails.
"""

import json
import os
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import Combine, RisingEdge, SimTimeoutError, with_timeout

from sim.drivers.stream import PERIOD_NS, Ports, ProtocolError, Ruler, StreamSink, StreamSource

BENCH = json.loads(Path(os.environ["HWGEN_BENCH"]).read_text())
VECTORS = dict(np.load(BENCH["vectors"], allow_pickle=False))
SPARE_CYCLES = 16


def _free(cycle):
    return True


def _pattern(bits):
    bits = bits.astype(bool).tolist()
    return lambda cycle: bits[cycle % len(bits)]


def _integers(beats):
    return [int.from_bytes(beat.tobytes(), "little") for beat in beats]


class Run:
    """One scenario on the design: its drivers since the latest reset, and how it ended."""

    def __init__(self, dut, scenario):
        self.dut = dut
        self.scenario = scenario
        self.willing = VECTORS[f"willing_{scenario['name']}"]
        self.ruler = Ruler()
        self.status = "done"
        self.culprit = BENCH["outputs"][0]["name"]
        self.counters = []
        self.connect(scenario["source"], scenario["sink"])

    def connect(self, source, sink):
        """Put fresh drivers on all streams."""
        inputs, outputs = BENCH["inputs"], BENCH["outputs"]
        self.sources, self.sinks = {}, {}
        for index, port in enumerate(inputs):
            willing = _free if source == "free" else _pattern(self.willing[index])
            ports = Ports.axi(self.dut, f"s_axis_{port['name']}")
            self.sources[port["name"]] = StreamSource(self.dut.clk, ports, self.ruler, willing)
        for index, port in enumerate(outputs, start=len(inputs)):
            ready = {"free": None, "late": "late"}.get(sink, _pattern(self.willing[index]))
            ports = Ports.axi(self.dut, f"m_axis_{port['name']}")
            name = port["name"]
            self.sinks[name] = StreamSink(self.dut.clk, ports, self.ruler, ready, name)

    def start(self):
        """Start all drivers; return the tasks of the sources and of the sinks."""
        tensors = self.scenario["tensors"]
        sending = []
        for port in BENCH["inputs"]:
            ends = port["ends"][:tensors]
            beats = _integers(VECTORS[f"in_{port['name']}"][: ends[-1]])
            # The length at hand is taken with the first beat of the first input.
            begun = self.announce if port is BENCH["inputs"][0] else None
            send = self.sources[port["name"]].send(beats, ends, begun)
            sending.append(cocotb.start_soon(send))
        taking = [
            cocotb.start_soon(self.sinks[port["name"]].receive(port["ends"][tensors - 1]))
            for port in BENCH["outputs"]
        ]
        return sending, taking

    async def reset(self, cycles):
        """Hold ``rst``; the streams keep what they had, for the design must not care."""
        self.dut.rst.value = 1
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        if BENCH["lengths"]:
            await self.write_length(0)
        self.ruler.restart()

    def announce(self, tensor):
        """Say how many tokens the tensor after this one has, which has begun."""
        if tensor + 1 < len(BENCH["lengths"]):
            cocotb.start_soon(self.write_length(tensor + 1))

    async def write_length(self, tensor):
        """Write the register in this cycle."""
        self.dut.reg_addr.value = BENCH["length_word"]
        self.dut.reg_wdata.value = BENCH["lengths"][tensor]
        self.dut.reg_write.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.reg_write.value = 0

    async def strike(self):
        """Run until the reset of the scenario, then begin again without stalls."""
        edge = RisingEdge(self.dut.clk)
        sending, taking = self.start()
        while self.ruler.cycle < self.scenario["reset_at"]:
            await edge
        for task in (*sending, *taking):
            if not task.done():
                task.cancel()
            elif task.exception() is not None:
                raise task.exception()
        await self.reset(1)
        self.connect("free", "free")

    async def finish(self):
        """Transfer every tensor, then watch for beats that nobody asked for."""
        sending, taking = self.start()
        await with_timeout(Combine(*taking), self.scenario["deadline"] * PERIOD_NS, "ns")
        await Combine(*sending)
        spare = [cocotb.start_soon(sink.refuse_more(SPARE_CYCLES)) for sink in self.sinks.values()]
        await Combine(*spare)

    async def read_registers(self):
        """Read the register map through its port."""
        edge = RisingEdge(self.dut.clk)
        for word in range(BENCH["words"]):
            self.dut.reg_addr.value = word
            await edge
            await edge  # the value is there in the next cycle
            self.counters.append(self.dut.reg_rdata.value.to_unsigned())

    def save(self):
        """Write what was observed."""
        arrays = {"counters": np.array(self.counters, np.int64)}
        for name, source in self.sources.items():
            arrays[f"source_{name}"] = np.array(source.cycles, np.int64)
        for port in BENCH["outputs"]:
            name = port["name"]
            sink = self.sinks[name]
            data = b"".join(beat.to_bytes(port["bytes"], "little") for beat in sink.beats)
            arrays[f"cycles_{name}"] = np.array(sink.cycles, np.int64)
            arrays[f"last_{name}"] = np.array(sink.lasts, np.int64)
            arrays[f"beats_{name}"] = np.frombuffer(data, np.uint8).reshape(-1, port["bytes"])
        end = np.array([self.status, self.culprit, str(self.ruler.cycle)])
        np.savez(Path(BENCH["results"]) / f"{self.scenario['name']}.npz", end=end, **arrays)


@cocotb.test()
@cocotb.parametrize(index=range(len(BENCH["scenarios"])))
async def matches_golden(dut, index):
    """Every beat of every output equals the golden model's, and ``last`` closes each tensor."""
    scenario = BENCH["scenarios"][index]
    for port in BENCH["inputs"]:
        getattr(dut, f"s_axis_{port['name']}_tvalid").value = 0
    for port in BENCH["outputs"]:
        getattr(dut, f"m_axis_{port['name']}_tready").value = 0
    dut.reg_write.value = 0
    dut.reg_addr.value = 0
    cocotb.start_soon(Clock(dut.clk, PERIOD_NS, "ns").start())
    run = Run(dut, scenario)
    await RisingEdge(dut.clk)
    await run.reset(2)
    try:
        if scenario["reset_at"] is not None:
            await run.strike()
        await run.finish()
        await run.read_registers()
    except ProtocolError as error:
        run.status, run.culprit = error.kind, error.sink
    except SimTimeoutError:
        run.status = "deadline"
        late = [
            port["name"]
            for port in BENCH["outputs"]
            if len(run.sinks[port["name"]].beats) < port["ends"][scenario["tensors"] - 1]
        ]
        run.culprit = late[-1]
    run.save()

    assert run.status == "done", f"{run.culprit}: {run.status} in cycle {run.ruler.cycle}"
    for port in BENCH["outputs"]:
        name, ends = port["name"], set(port["ends"])
        expected = _integers(VECTORS[f"out_{name}"][: port["ends"][scenario["tensors"] - 1]])
        sink = run.sinks[name]
        for beat, (want, got) in enumerate(zip(expected, sink.beats, strict=True)):
            assert got == want, f"{name} beat {beat}: {got:#x}, golden {want:#x}"
        for beat, last in enumerate(sink.lasts, start=1):
            assert last == int(beat in ends), f"{name} beat {beat - 1}: last is {last}"
