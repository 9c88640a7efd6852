"""What the benches of the ops share: a top with several components of one op, driven at once.

``HWGEN_BENCH`` names a JSON file with one record per component (prefix, beats, attributes of
the node) and the ``.npz`` with their codes and constants.  The golden result is computed here,
by the op itself.
"""

import json
import os
import random
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import Combine, RisingEdge, with_timeout

from hwgen.golden import to_stream
from hwgen.ops import Lowered
from hwgen.ops.types import Requant
from sim.drivers.stream import PERIOD_NS, Ports, Ruler, StreamSink, StreamSource

__all__ = ["SCENARIOS", "run"]

BENCH = json.loads(Path(os.environ["HWGEN_BENCH"]).read_text())
VECTORS = dict(np.load(BENCH["vectors"], allow_pickle=False))
SCENARIOS = ("free", "stalled", "reset")
DEADLINE = 20_000


class Unit:
    """One component, its stimulus and what the golden model makes of it."""

    def __init__(self, dut, op, record):
        self.dut = dut
        self.name = record["name"]
        self.record = record
        codes = [VECTORS[f"{self.name}_in{k}"] for k in range(len(record["shapes"]))]
        bits, lanes = record["out_bits"], record["lanes"]
        golden = to_stream(op.integer(self._lowered(record), codes))
        self.expected = _beats(golden.ravel().tolist(), lanes, bits)
        self.inputs = [
            _beats(to_stream(item).ravel().tolist(), record["beat"], record["x_bits"])
            for item in codes
        ]

    def _lowered(self, record):
        constants = {key: VECTORS[f"{self.name}_{key}"] for key in record["constants"]}
        requant = None
        if record["requant"]:
            requant = Requant(
                multiplier=VECTORS[f"{self.name}_multiplier"],
                offset=VECTORS[f"{self.name}_offset"],
                **record["requant"],
            )
        attrs = {key: _tuples(value) for key, value in record["attrs"].items()}
        return Lowered(attrs=attrs, constants=constants, requant=requant)

    def start(self, ruler, rng, stalls):
        """Start fresh drivers; return the tasks that send, those that take, and the sink."""

        def willing():
            own = random.Random(rng.random())
            return (lambda cycle: own.random() < 0.6) if stalls else (lambda cycle: True)

        sending = []
        for k, beats in enumerate(self.inputs):
            ports = Ports.component(self.dut, f"{self.name}_i{k}")
            source = StreamSource(self.dut.clk, ports, ruler, willing())
            sending.append(cocotb.start_soon(source.send(beats, [len(beats)])))
        ports = Ports.component(self.dut, f"{self.name}_o")
        ready = willing() if stalls else None
        sink = StreamSink(self.dut.clk, ports, ruler, ready, self.name)
        return sending, [cocotb.start_soon(sink.receive(len(self.expected)))], sink

    def check(self, sink):
        """Compare all beats."""
        for index, (want, got) in enumerate(zip(self.expected, sink.beats, strict=True)):
            assert got == want, f"{self.name} beat {index}: {got:#x}, golden {want:#x}"


async def run(dut, op, scenario):
    """Run every component of the top in one scenario; all results equal the golden model."""
    rng = random.Random(BENCH["seed"])
    units = [Unit(dut, op, record) for record in BENCH["units"]]
    for unit in units:
        for k in range(len(unit.inputs)):
            getattr(dut, f"{unit.name}_i{k}__valid").value = 0
        getattr(dut, f"{unit.name}_o__ready").value = 0
    cocotb.start_soon(Clock(dut.clk, PERIOD_NS, "ns").start())
    ruler = Ruler()
    await _reset(dut, ruler, 2)
    if scenario == "reset":
        started = [unit.start(ruler, rng, stalls=True) for unit in units]
        for _ in range(BENCH["reset_at"]):
            await RisingEdge(dut.clk)
        for sending, taking, _ in started:
            for task in (*sending, *taking):
                task.cancel()
        # The streams keep what they had, for the design must not care.
        await _reset(dut, ruler, 1)
    started = [unit.start(ruler, rng, stalls=scenario != "free") for unit in units]
    tasks = [task for sending, taking, _ in started for task in (*sending, *taking)]
    await with_timeout(Combine(*tasks), DEADLINE * PERIOD_NS, "ns")
    await Combine(*(cocotb.start_soon(sink.refuse_more(12)) for _, _, sink in started))
    for unit, (_, _, sink) in zip(units, started, strict=True):
        unit.check(sink)


async def _reset(dut, ruler, cycles):
    dut.rst.value = 1
    for _ in range(cycles):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    ruler.restart()


def _beats(codes, lanes, bits):
    mask = (1 << bits) - 1
    return [
        sum((code & mask) << (k * bits) for k, code in enumerate(codes[start : start + lanes]))
        for start in range(0, len(codes), lanes)
    ]


def _tuples(value):
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
