"""Writes a stream of beats to blocks of external memory."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory_port.axi import AxiPort, beat_layout
from rtl_templates.memory_port.bursts import Bursts, block_layout
from rtl_templates.streams.fifo import Fifo

__all__ = ["BlockWriter"]

_AHEAD = 4
"""Bursts whose address may be sent before the data of the present one is through."""


class BlockWriter(wiring.Component):
    """Sends addresses ahead of the data; says when all is acknowledged.

    Latency: 2 cycles from a block to its first beat.  Throughput: one beat per cycle, without
    a gap between bursts or blocks, while the memory acknowledges within ``pending`` bursts.

    Parameters
    ----------
    address_bits, data_bits, burst, beats
        See :class:`rtl_templates.memory_port.block_reader.BlockReader`.
    pending : int
        Most bursts that wait for their response.

    Members
    -------
    blocks : ``In(stream)`` of :func:`block_layout`
    i : ``In(stream)`` of :func:`rtl_templates.memory_port.axi.beat_layout`
        The beats of all blocks, in order, each with its strobes.
    aw, w, b : see :class:`AxiPort`
    sent : ``Out(1)``
        The memory has taken every beat of every block that was taken.
    idle : ``Out(1)``
        It has acknowledged them as well.
    error : ``Out(1)``
        An error response.
    """

    def __init__(self, *, address_bits, data_bits, burst, beats, pending=16):
        self.bursts = Bursts(
            address_bits=address_bits, data_bits=data_bits, burst=burst, beats=beats
        )
        self.pending = pending
        self.lengths = Fifo(8, _AHEAD)
        port = AxiPort(address_bits, data_bits).members
        super().__init__(
            {
                "blocks": In(stream.Signature(block_layout(address_bits, beats))),
                "i": In(stream.Signature(beat_layout(data_bits))),
                "aw": port["aw"],
                "w": port["w"],
                "b": port["b"],
                "sent": Out(1),
                "idle": Out(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.bursts = bursts = self.bursts
        wiring.connect(m, wiring.flipped(self.blocks), bursts.i)
        m.submodules.lengths = lengths = self.lengths
        waiting = Signal(range(self.pending + 1))  # responses that will come
        unsent = Signal(range(self.pending + 1))  # of them, those to bursts that are not through
        beat = Signal(8)
        has_place = lengths.i.ready & (waiting < self.pending)
        address_goes = self.aw.valid & self.aw.ready
        beat_goes = self.w.valid & self.w.ready
        m.d.comb += [
            self.aw.payload.eq(bursts.o.payload),
            self.aw.valid.eq(bursts.o.valid & has_place),
            bursts.o.ready.eq(self.aw.ready & has_place),
            lengths.i.valid.eq(address_goes),
            lengths.i.payload.eq(bursts.o.payload.length),
            self.w.payload.data.eq(self.i.payload.data),
            self.w.payload.strobe.eq(self.i.payload.strobe),
            self.w.payload.last.eq(beat == lengths.o.payload),
            self.w.valid.eq(lengths.o.valid & self.i.valid),
            self.i.ready.eq(lengths.o.valid & self.w.ready),
            lengths.o.ready.eq(beat_goes & self.w.payload.last),
            self.b.ready.eq(1),
            self.error.eq(self.b.valid & self.b.payload.error),
            self.sent.eq(~bursts.o.valid & (unsent == 0)),
            self.idle.eq(~bursts.o.valid & (waiting == 0)),
        ]
        with m.If(beat_goes):
            m.d.sync += beat.eq(Mux(self.w.payload.last, 0, beat + 1))
        m.d.sync += [
            waiting.eq(waiting + address_goes - self.b.valid),
            unsent.eq(unsent + address_goes - lengths.o.ready),
        ]
        return m
