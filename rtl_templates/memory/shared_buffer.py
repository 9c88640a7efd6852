"""The buffer of a sequential plan: who writes and who reads changes from phase to phase."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.banked_memory import BankedMemory
from rtl_templates.memory.select import TaskField

__all__ = ["SharedBuffer", "WritePhase"]


class WritePhase:
    """Where the beats of a phase go.

    Parameters
    ----------
    writer : int
        Index of the writing stream.
    address : int
        First element.
    beats : int
        Beats of the phase; 0 in a phase that writes nothing.
    row : int
        Beats after which ``skip`` elements are left out; any count if ``skip`` is 0.
    skip : int
        Elements left out between rows.
    placed : bool
        Whether beats come in an order of their own, each with its ``offset``.
    singles : bool
        Whether some of them are a single element.
    """

    def __init__(self, writer=0, address=0, beats=0, row=1, skip=0, placed=False, singles=False):
        self.writer = writer
        self.address = address
        self.beats = beats
        self.row = row
        self.skip = skip
        self.placed = placed
        self.singles = singles


class SharedBuffer(wiring.Component):
    """One banked memory with one write and one read port.

    Writers push beats of their own width and never wait; the buffer counts them, places them
    one after the other (with a skip between rows where channels are interleaved) or at the
    offsets that come with them, and says when the phase's last one is written.  A beat pushed in
    cycle c can be read from c + 1.

    Parameters
    ----------
    elements, bits, banks, granule, lanes
        See :class:`BankedMemory`.
    writers : sequence of int
        Elements of a beat of each writer, powers of two up to ``banks``.
    phases : sequence of WritePhase
        In the order of the sequencer.

    Members
    -------
    phase, start : ``In``
        From the sequencer.
    push : ``In(writers)``
        Which writer has a beat in this cycle; at most one.
    beats : ``In`` array
        Their data, ``bits`` per element.
    single : ``In(1)``
        The beat is its first element alone, at any offset; only if a phase has ``singles``.
    offset : ``In``
        Of a placed beat: elements from the phase's address, a multiple of the beat.
    r_address, r_data
        See :class:`BankedMemory`.
    written : ``Out(1)``
        The phase's last beat is written in this cycle.
    index : ``Out``
        Number of the present beat in its phase.
    """

    def __init__(self, *, elements, bits, banks, granule, lanes, writers, phases):
        self.memory = BankedMemory(
            elements=elements, bits=bits, banks=banks, granule=granule, lanes=lanes
        )
        self.bits = bits
        self.banks = banks
        self.writers = tuple(writers)
        self.phases = tuple(phases)
        self.singles = any(phase.singles for phase in self.phases)
        self.most = max(2, *(phase.beats for phase in self.phases))
        super().__init__(
            {
                "phase": In(range(max(2, len(self.phases)))),
                "start": In(1),
                "push": In(len(self.writers)),
                "beats": In(max(self.writers) * bits).array(len(self.writers)),
                "offset": In(range(max(2, elements))),
                **({"single": In(1)} if self.singles else {}),
                "r_address": In(range(max(2, elements))),
                "r_data": Out(lanes * bits),
                "written": Out(1),
                "index": Out(range(self.most)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = self.memory
        field = TaskField(m, self.phase)
        m.d.comb += [memory.r_address.eq(self.r_address), self.r_data.eq(memory.r_data)]

        writer = field([phase.writer for phase in self.phases], "writer")
        lanes = field([self.writers[phase.writer] for phase in self.phases], "lanes")
        base = field([phase.address for phase in self.phases], "base")
        last = field([max(0, phase.beats - 1) for phase in self.phases], "last_beat")
        row_last = field([phase.row - 1 for phase in self.phases], "row_last")
        skip = field([phase.skip for phase in self.phases], "skip")

        address = Signal(range(memory.elements + max(self.writers)))
        column = Signal(range(max(2, max(phase.row for phase in self.phases))))
        push = Signal()
        row_ends = column == row_last
        m.d.comb += [push.eq(self.push.any()), self.written.eq(push & (self.index == last))]
        with m.If(push):
            m.d.sync += [
                self.index.eq(self.index + 1),
                column.eq(Mux(row_ends, 0, column + 1)),
                address.eq(address + lanes + Mux(row_ends, skip, 0)),
            ]
        with m.If(self.start):
            m.d.sync += [self.index.eq(0), column.eq(0), address.eq(base)]

        placed = field([phase.placed for phase in self.phases], "placed")
        target = Signal.like(address)
        m.d.comb += target.eq(Mux(placed, base + self.offset, address))
        slot = target[: (self.banks - 1).bit_length()]
        m.d.comb += memory.w_row.eq(target >> (self.banks - 1).bit_length())
        data = []
        for k, width in enumerate(self.writers):
            data.append(self.beats[k][: width * self.bits].replicate(self.banks // width))
            with m.If(push & (writer == k)):
                for bank in range(self.banks):
                    m.d.comb += memory.w_enable[bank].eq(slot // width == bank // width)
        word = Signal(self.banks * self.bits)
        m.d.comb += [word.eq(Array(data)[writer] if len(data) > 1 else data[0])]
        m.d.comb += memory.w_data.eq(word)
        if self.singles:
            with m.If(self.single):
                m.d.comb += memory.w_data.eq(word[: self.bits].replicate(self.banks))
                for bank in range(self.banks):
                    m.d.comb += memory.w_enable[bank].eq(push & (slot == bank))
        return m
