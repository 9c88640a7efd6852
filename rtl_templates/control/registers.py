"""The register port of an accelerator: identity, state and performance counters."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.streams.delay import delay

__all__ = ["CONTROL", "COUNTERS", "LENGTH", "STATUS", "RegisterPort", "Registers"]

CONTROL = 2
"""Word that clears the counters when bit 0 is written; bit 1 begins a new sequence."""

STATUS = 3
"""Word of the flags."""

COUNTERS = 8
"""Word of the first engine's counters; two words an engine."""

LENGTH = 255
"""Word that holds the tokens of the next tensor, if there is a choice."""

RegisterPort = wiring.Signature(
    {"addr": Out(8), "wdata": Out(32), "write": Out(1), "rdata": In(32)}
)
"""Word addressed; ``rdata`` belongs to the ``addr`` of the cycle before."""


class Registers(wiring.Component):
    """Reads as docs/architecture.md says; words that do not exist read 0.

    Latency of a read: 1 cycle.  Counters are 32 bits wide and wrap.

    Parameters
    ----------
    identity, version : int
        Constants of words 0 and 1, 32 bits.
    engines : int
        Engines, at most 124.
    inputs, outputs : int
        Streams; every one has carried the same number of tensors when nothing is going on.
    saturations : int
        Most saturations in a cycle; 0 if no engine attends, and then words 6 and 7 do not exist.
    lengths : sequence of int
        Tokens that a tensor can have, if there are several; else word 255 does not exist.

    Members
    -------
    bus : ``In(RegisterPort)``
    begins : ``In(inputs)``
        A tensor enters in this cycle.
    ends : ``In(outputs)``
        A tensor has left in this cycle.
    misplaced : ``In(1)``
        An input's ``last`` was found in the wrong place, or missing, in this cycle.
    active, waiting : ``In(engines)``
    masked : ``In(1)``
        A query that sees no key in this cycle.
    overflow : ``In(1)``
        A full cache was emptied.
    saturated : ``In(range(saturations + 1))``
        Logits that were clamped in this cycle.
    memory : ``In(1)``
        External memory answered with an error.
    fresh : ``Out(1)``
        A new sequence shall begin.
    length : ``Out``
        Index in ``lengths`` of the next tensor's.
    """

    MOST_ENGINES = (256 - COUNTERS) // 2

    def __init__(
        self, *, identity, version, engines, inputs=1, outputs=1, saturations=0, lengths=()
    ):
        if engines > self.MOST_ENGINES:
            raise ValueError(f"Engines must be at most {self.MOST_ENGINES}, not {engines}")
        self.identity = identity
        self.version = version
        self.engines = engines
        self.saturations = saturations
        self.lengths = tuple(lengths)
        if self.lengths and engines == self.MOST_ENGINES:
            raise ValueError("The last engine's counters stand where the length does")
        super().__init__(
            {
                "bus": In(RegisterPort),
                "begins": In(inputs),
                "ends": In(outputs),
                "misplaced": In(1),
                "active": In(engines),
                "waiting": In(engines),
                "masked": In(1),
                "overflow": In(1),
                "saturated": In(range(max(2, saturations + 1))),
                "memory": In(1),
                "fresh": Out(1),
                "length": Out(range(max(2, len(self.lengths)))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        cycles, tensors = Signal(32), Signal(32)
        error = Signal()
        # How far the first input is ahead of each other stream, in tensors.
        ahead = [
            Signal(16, name=f"ahead_{k}") for k in range(len(self.begins) + len(self.ends) - 1)
        ]
        for count, passes in zip(ahead, [*self.begins[1:], *self.ends], strict=True):
            m.d.sync += count.eq(count + self.begins[0] - passes)
        inside = Cat(ahead).any()
        busy = inside | self.begins.any()
        with m.If(busy):
            m.d.sync += cycles.eq(cycles + 1)
        with m.If(self.ends[0]):
            m.d.sync += tensors.eq(tensors + 1)
        with m.If(delay(m, self.misplaced, 1, "misplaced")):
            m.d.sync += error.eq(1)
        words = {
            0: Const(self.identity, 32),
            1: Const(self.version, 32),
            STATUS: Signal(6),
            4: cycles,
            5: tensors,
        }
        counters = [cycles, tensors]
        flags = []
        if self.saturations:
            flags = self._attention(m, words, counters)
        m.d.comb += words[STATUS].eq(Cat(inside, error, *flags))
        for k in range(self.engines):
            for offset, event in enumerate((self.active[k], self.waiting[k])):
                counter = Signal(32, name=f"{('active', 'waiting')[offset]}_{k}")
                # Counted one cycle late, so that no decision of an engine is on this path.
                with m.If(delay(m, event, 1, f"event_{k}_{offset}")):
                    m.d.sync += counter.eq(counter + 1)
                words[COUNTERS + 2 * k + offset] = counter
                counters.append(counter)
        if self.lengths:
            self._length(m, words)
        control = self.bus.write & (self.bus.addr == CONTROL)
        m.d.comb += self.fresh.eq(control & self.bus.wdata[1])
        with m.If(control & self.bus.wdata[0]):
            m.d.sync += [counter.eq(0) for counter in [*counters, *flags]] + [error.eq(0)]
        with m.Switch(self.bus.addr):
            for address, word in words.items():
                with m.Case(address):
                    m.d.sync += self.bus.rdata.eq(word)
            with m.Default():
                m.d.sync += self.bus.rdata.eq(0)
        return m

    def _length(self, m, words):
        """Take a number of tokens that a tensor can have; ignore any other."""
        tokens = Signal(32, init=self.lengths[0], name="tokens")
        with m.If(self.bus.write & (self.bus.addr == LENGTH)):
            for index, legal in enumerate(self.lengths):
                with m.If(self.bus.wdata == legal):
                    m.d.sync += [tokens.eq(legal), self.length.eq(index)]
        words[LENGTH] = tokens

    def _attention(self, m, words, counters):
        """Count masked rows and saturated logits; return the bits of the status word."""
        masked, overflow, saturated, memory = (
            Signal(name=f"status_{name}") for name in ("masked", "overflow", "saturated", "memory")
        )
        rows, clamps = Signal(32, name="masked_rows"), Signal(32, name="saturations")
        events = ((masked, self.masked), (overflow, self.overflow), (memory, self.memory))
        for flag, event in events:
            with m.If(event):
                m.d.sync += flag.eq(1)
        with m.If(self.masked):
            m.d.sync += rows.eq(rows + 1)
        clamped = delay(m, self.saturated, 1, "clamped")
        with m.If(clamped != 0):
            m.d.sync += [clamps.eq(clamps + clamped), saturated.eq(1)]
        words |= {6: clamps, 7: rows}
        counters += [clamps, rows]
        return [masked, overflow, saturated, memory]
