"""Bench of an emitted top whose inputs' ``last`` comes early, late or not at all at first.

``HWGEN_BENCH`` names a JSON file: ``seed``, ``length_word``, ``control_word``, ``status_word`` and
two ``parts``, the second without a fault.  A part has ``lengths`` (tokens of each tensor, if they
differ), and for each input and output its ``beats`` and the ``ends``: the beats up to each
``last``.  Between the parts the flag is cleared, and nothing is reset.
"""

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Combine, RisingEdge, with_timeout

from sim.drivers.stream import PERIOD_NS, Ports, Ruler, StreamSink, StreamSource

BENCH = json.loads(Path(os.environ["HWGEN_BENCH"]).read_text())
DEADLINE = 20_000
MISPLACED = 0b10
"""The bit of the status register."""


class Registers:
    """The register port, one access at a time."""

    def __init__(self, dut):
        self._dut = dut
        self._edge = RisingEdge(dut.clk)
        dut.reg_write.value = 0

    async def write(self, word, value):
        """Write a register in this cycle."""
        self._dut.reg_addr.value = word
        self._dut.reg_wdata.value = value
        self._dut.reg_write.value = 1
        await self._edge
        self._dut.reg_write.value = 0

    async def read(self, word):
        """Return a register."""
        self._dut.reg_addr.value = word
        await self._edge
        await self._edge  # the value is there in the next cycle
        return self._dut.reg_rdata.value.to_unsigned()


def at_random(rng):
    """Return a driver's willingness in a cycle."""
    return lambda _cycle: rng.random() < 0.7


async def transfer(dut, registers, part, rng):
    """Send all beats of a part; every result must be the golden model's."""
    ruler = Ruler()
    ruler.restart()
    lengths = part["lengths"]

    def announce(tensor):
        if tensor + 1 < len(lengths):
            cocotb.start_soon(registers.write(BENCH["length_word"], lengths[tensor + 1]))

    if lengths:
        await registers.write(BENCH["length_word"], lengths[0])
    tasks = []
    for index, (name, port) in enumerate(part["inputs"].items()):
        source = StreamSource(dut.clk, Ports.axi(dut, f"s_axis_{name}"), ruler, at_random(rng))
        begun = None if index else announce
        tasks.append(cocotb.start_soon(source.send(port["beats"], port["ends"], begun)))
    sinks = {}
    for name, port in part["outputs"].items():
        ports = Ports.axi(dut, f"m_axis_{name}")
        sinks[name] = StreamSink(dut.clk, ports, ruler, at_random(rng), name)
        tasks.append(cocotb.start_soon(sinks[name].receive(len(port["beats"]))))
    await with_timeout(Combine(*tasks), DEADLINE * PERIOD_NS, "ns")
    for name, port in part["outputs"].items():
        assert sinks[name].beats == port["beats"], name
        closes = [index + 1 for index, last in enumerate(sinks[name].lasts) if last]
        assert closes == port["ends"], name


@cocotb.test()
async def recovers_without_reset(dut):
    """Tensors after a bad one are right, and the flag says that there was one."""
    faulty, good = BENCH["parts"]
    rng = random.Random(BENCH["seed"])
    for name in faulty["inputs"]:
        getattr(dut, f"s_axis_{name}_tvalid").value = 0
    for name in faulty["outputs"]:
        getattr(dut, f"m_axis_{name}_tready").value = 0
    registers = Registers(dut)
    cocotb.start_soon(Clock(dut.clk, PERIOD_NS, "ns").start())
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    assert await registers.read(BENCH["status_word"]) == 0
    await transfer(dut, registers, faulty, rng)
    assert await registers.read(BENCH["status_word"]) == MISPLACED
    await registers.write(BENCH["control_word"], 1)
    assert await registers.read(BENCH["status_word"]) == 0
    await transfer(dut, registers, good, rng)
    assert await registers.read(BENCH["status_word"]) == 0
