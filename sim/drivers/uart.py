"""The far end of a board's serial line: bytes to ``rx`` and from ``tx``, bit by bit.

:class:`SimulatedPort` has the methods of a serial port and is called from a function that runs
under ``cocotb.task.bridge``; its time is simulated time.
"""

import cocotb
from cocotb.queue import Queue, QueueEmpty
from cocotb.task import resume
from cocotb.triggers import FallingEdge, SimTimeoutError, Timer, with_timeout
from cocotb.utils import get_sim_time

__all__ = ["SerialPins", "SimulatedPort"]

_NS = 1e-9


class SerialPins:
    """Bytes to ``rx``, and those from ``tx`` in the queue ``received``.

    Parameters
    ----------
    dut
        Top with the pins ``rx`` and ``tx``.
    bit_ns
        Duration of a bit in nanoseconds.
    """

    def __init__(self, dut, bit_ns):
        self._dut = dut
        self._bit_ns = bit_ns
        self.received = Queue()
        self._dut.rx.value = 1
        self._watch = cocotb.start_soon(self._receive())

    def close(self):
        """Stop listening."""
        self._watch.cancel()

    async def send(self, data):
        """Drive bytes, back to back."""
        for byte in data:
            for bit in (0, *(byte >> k & 1 for k in range(8)), 1):
                self._dut.rx.value = bit
                await Timer(self._bit_ns, "ns")

    async def hold(self, level, bits):
        """Give the line a level for some bit times (a fraction makes a glitch), then rest."""
        self._dut.rx.value = level
        await Timer(max(1, round(bits * self._bit_ns)), "ns")
        self._dut.rx.value = 1

    def take(self):
        """Return the bytes that have come."""
        data = bytearray()
        while True:
            try:
                data.append(self.received.get_nowait())
            except QueueEmpty:
                return bytes(data)

    async def _receive(self):
        while True:
            await FallingEdge(self._dut.tx)
            await Timer(self._bit_ns // 2, "ns")
            assert self._dut.tx.value == 0, "a glitch on tx"
            byte = 0
            for bit in range(8):
                await Timer(self._bit_ns, "ns")
                byte |= int(self._dut.tx.value) << bit
            await Timer(self._bit_ns, "ns")
            assert self._dut.tx.value == 1, "the stop bit of a byte from tx is low"
            self.received.put_nowait(byte)


class SimulatedPort:
    """A transport of the host driver; its methods block, and run under ``bridge``."""

    def __init__(self, pins):
        self._pins = pins
        self.close = pins.close
        self.write = resume(pins.send)
        self.hold = resume(pins.hold)
        self.read = resume(self._read)

    def now(self):
        """Return the simulated time in seconds."""
        return get_sim_time("ns") * _NS

    async def _read(self, timeout_s):
        wait = max(1, round(timeout_s / _NS))
        try:
            first = await with_timeout(self._pins.received.get(), wait, "ns")
        except SimTimeoutError:
            return b""
        return bytes((first,)) + self._pins.take()
