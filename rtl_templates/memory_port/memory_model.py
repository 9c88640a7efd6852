"""A memory behind the port, for simulation: latency and stalls are settable."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In

from rtl_templates.memory_port.axi import AxiPort
from rtl_templates.streams.fifo import Fifo

__all__ = ["MemoryModel"]

_TIME_BITS = 48


class MemoryModel(wiring.Component):
    """Answers in order; bursts overlap, so latency costs no bandwidth.

    The first beat of a burst is offered ``latency`` cycles after its address was taken (at
    least 2), or when the beats of earlier bursts are through; a write is acknowledged
    ``latency`` cycles after its last beat.  Of a beat, the bytes with a strobe are written.

    Parameters
    ----------
    address_bits, data_bits : int
        See :class:`AxiPort`.
    words : int
        Beats of memory; higher address bits are ignored.
    init : sequence of int
        First contents.
    pending : int
        Bursts of each kind that it holds.

    Members
    -------
    port : ``In(AxiPort)``
    latency : ``In(12)``
        Cycles.
    stall : ``In(3)``
        Bits 0 to 2: do not take an address, offer a beat, take a beat in this cycle.
    """

    def __init__(self, *, address_bits, data_bits, words, init=(), pending=64):
        self.address_bits = address_bits
        self.shift = (data_bits // 8 - 1).bit_length()
        self.memory = Memory(shape=data_bits, depth=words, init=init)
        self.pending = pending
        super().__init__(
            {
                "port": In(AxiPort(address_bits, data_bits)),
                "latency": In(12),
                "stall": In(3),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = self.memory
        now = Signal(_TIME_BITS)
        m.d.sync += now.eq(now + 1)
        self._read(m, now)
        self._write(m, now)
        return m

    def _requests(self, m, name, channel, now):
        """Queue a channel's bursts with the time from which they may be served."""
        layout = StructLayout({"address": self.address_bits, "length": 8, "due": _TIME_BITS})
        m.submodules[name] = queue = Fifo(layout, self.pending)
        m.d.comb += [
            queue.i.payload.address.eq(channel.payload.address),
            queue.i.payload.length.eq(channel.payload.length),
            queue.i.payload.due.eq(now + self.latency),
            queue.i.valid.eq(channel.valid & ~self.stall[0]),
            channel.ready.eq(queue.i.ready & ~self.stall[0]),
        ]
        return queue.o

    def _read(self, m, now):
        request = self._requests(m, "reads", self.port.ar, now)
        read = self.memory.read_port(domain="comb")
        beat = Signal(8)
        r = self.port.r
        held = Signal()  # an offered beat stays, whatever the stall says
        last = beat == request.payload.length
        m.d.comb += [
            read.addr.eq((request.payload.address >> self.shift) + beat),
            r.valid.eq(request.valid & (now >= request.payload.due) & (held | ~self.stall[1])),
            r.payload.data.eq(read.data),
            r.payload.last.eq(last),
            request.ready.eq(r.valid & r.ready & last),
        ]
        m.d.sync += held.eq(r.valid & ~r.ready)
        with m.If(r.valid & r.ready):
            m.d.sync += beat.eq(Mux(last, 0, beat + 1))

    def _write(self, m, now):
        request = self._requests(m, "writes", self.port.aw, now)
        m.submodules.acknowledges = acknowledges = Fifo(_TIME_BITS, self.pending)
        write = self.memory.write_port(granularity=8)
        beat = Signal(8)
        w, b = self.port.w, self.port.b
        moves = w.valid & w.ready
        m.d.comb += [
            w.ready.eq(request.valid & acknowledges.i.ready & ~self.stall[2]),
            write.addr.eq((request.payload.address >> self.shift) + beat),
            write.data.eq(w.payload.data),
            write.en.eq(Mux(moves, w.payload.strobe, 0)),
            request.ready.eq(moves & w.payload.last),
            acknowledges.i.valid.eq(moves & w.payload.last),
            acknowledges.i.payload.eq(now + self.latency),
            b.valid.eq(acknowledges.o.valid & (now >= acknowledges.o.payload)),
            acknowledges.o.ready.eq(b.valid & b.ready),
        ]
        with m.If(moves):
            m.d.sync += beat.eq(Mux(w.payload.last, 0, beat + 1))
