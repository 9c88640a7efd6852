"""Bench of the memory port's masters against the AXI slave of cocotbext-axi.

``HWGEN_BENCH`` names a JSON file: bytes of a beat, longest block, seed.
"""

import itertools
import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from cocotbext.axi import AxiBus, AxiRam

from sim.drivers.stream import PERIOD_NS

BENCH = json.loads(Path(os.environ["HWGEN_BENCH"]).read_text())
SIZE = 1 << 16
DEADLINE = 20_000


def _pauses(seed):
    own = random.Random(seed)
    return iter(lambda: own.random() < 0.4, None)


@cocotb.test()
@cocotb.parametrize(stalled=(False, True))
async def copies_blocks(dut, stalled):
    """Blocks are copied one after the other; the memory equals a model of bytes."""
    rng = random.Random(BENCH["seed"])
    size, longest = BENCH["bytes"], BENCH["beats"]
    dut.valid.value = 0
    cocotb.start_soon(Clock(dut.clk, PERIOD_NS, "ns").start())
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=SIZE)
    if stalled:
        interfaces = (ram.read_if, ram.write_if)
        for k, channel in enumerate(
            itertools.chain(
                (interfaces[0].ar_channel, interfaces[0].r_channel),
                (interfaces[1].aw_channel, interfaces[1].w_channel, interfaces[1].b_channel),
            )
        ):
            channel.set_pause_generator(_pauses(k))
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    model = bytearray(rng.randbytes(SIZE))
    ram.write(0, bytes(model))
    for _ in range(12):
        beats = rng.choice([1, 3, longest, rng.randrange(1, longest + 1)])
        source, target = (rng.randrange(SIZE // size - beats) * size for _ in range(2))
        while abs(source - target) < beats * size:  # an overlap would race
            target = rng.randrange(SIZE // size - beats) * size
        dut.source.value, dut.target.value = source, target
        dut.beats.value = beats - 1
        dut.valid.value = 1
        await FallingEdge(dut.clk)
        assert dut.ready.value
        await RisingEdge(dut.clk)
        dut.valid.value = 0
        await FallingEdge(dut.clk)
        for _ in range(DEADLINE):
            if dut.idle.value:
                break
            await FallingEdge(dut.clk)
        else:
            raise AssertionError(f"{beats} beats were not copied within {DEADLINE} cycles")
        await RisingEdge(dut.clk)
        model[target : target + beats * size] = model[source : source + beats * size]
        assert ram.read(0, SIZE) == bytes(model)
