"""A serial line whose other end is an Amaranth simulation: the host driver's transport."""

from collections import deque

from amaranth.sim import Simulator

CLOCK_S = 1e-6


class SimulatedLine:
    """Transport to the ``rx`` and ``tx`` pins of a component; time is simulated time."""

    def __init__(self, dut, divisor):
        self._dut = dut
        self._divisor = divisor
        self._to_board = deque()
        self._from_board = deque()
        self._cycle = 0
        self.sent = 0
        self._sim = Simulator(dut)
        self._sim.add_clock(CLOCK_S)
        self._sim.add_process(self._drive)
        self._sim.add_process(self._watch)
        self._sim.add_process(self._count)

    async def _count(self, ctx):
        async for _ in ctx.tick():
            self._cycle += 1

    async def _drive(self, ctx):
        while True:
            if not self._to_board:
                await ctx.tick()
                continue
            level, cycles = self._to_board.popleft()
            ctx.set(self._dut.rx, level)
            await ctx.tick().repeat(cycles)

    async def _watch(self, ctx):
        while True:
            await ctx.negedge(self._dut.tx)
            await ctx.tick().repeat(self._divisor // 2)
            byte = 0
            for bit in range(9):
                *_, level = await ctx.tick().sample(self._dut.tx).repeat(self._divisor)
                byte |= level << bit
            assert byte & 0x100, "the stop bit is low"
            self._from_board.append(byte & 0xFF)
            self.sent += 1

    def levels(self, *pairs):
        """Drive the line directly: (level, cycles) pairs."""
        self._to_board.extend(pairs)

    def write(self, data):
        for byte in data:
            bits = (0, *(byte >> k & 1 for k in range(8)), 1)
            self._to_board.extend((bit, self._divisor) for bit in bits)

    def read(self, timeout_s):
        end = self._cycle + max(1, round(timeout_s / CLOCK_S))
        while self._cycle < end and not self._from_board:
            self._sim.advance()
        data = bytes(self._from_board)
        self._from_board.clear()
        return data

    def now(self):
        return self._cycle * CLOCK_S

    def close(self):
        pass
