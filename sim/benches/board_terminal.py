"""A simulated board behind a pseudo-terminal: any program can open it as a serial port.

``HWGEN_BENCH`` names a JSON file with ``clock_ns``, ``bit_ns``, ``button_rests``, and ``link``: a
path at which the terminal appears as a symbolic link.  The simulation ends when the link is
removed; the terminal is closed then, as when a cable is pulled.
"""

import json
import os
import tty
from contextlib import suppress
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Timer

from sim.drivers.uart import SerialPins

BENCH = json.loads(Path(os.environ["HWGEN_BENCH"]).read_text())
POLLS_PER_LOOK = 200


@cocotb.test()
async def serves_a_terminal(dut):
    """Move bytes between the terminal and the pins until the link is gone."""
    cocotb.start_soon(Clock(dut.clk, BENCH["clock_ns"], "ns").start())
    dut.button.value = BENCH["button_rests"]
    pins = SerialPins(dut, BENCH["bit_ns"])
    board, host = os.openpty()
    tty.setraw(host)
    os.set_blocking(board, False)
    link = Path(BENCH["link"])
    link.symlink_to(os.ttyname(host))
    while link.is_symlink():
        for _ in range(POLLS_PER_LOOK):
            await Timer(2 * BENCH["bit_ns"], "ns")
            with suppress(BlockingIOError):
                await pins.send(os.read(board, 4096))
            if data := pins.take():
                os.write(board, data)
    os.close(board)
    os.close(host)
