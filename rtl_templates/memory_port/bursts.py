"""Cuts a block of memory into bursts."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from rtl_templates.memory_port.axi import check_burst

__all__ = ["Bursts", "block_layout"]


def block_layout(address_bits, beats):
    """Return the layout of a block: ``address`` in bytes, a multiple of a beat; ``beats`` - 1."""
    return StructLayout({"address": address_bits, "beats": range(max(2, beats))})


class Bursts(wiring.Component):
    """Turns blocks of contiguous beats into aligned bursts.

    A burst ends where the block does, or at a multiple of the longest burst, which divides a
    page.  Latency: 1 cycle from a block to its first burst.  Throughput: a burst per cycle; the
    next block is taken in the cycle in which the last burst of one leaves.

    Parameters
    ----------
    address_bits, data_bits : int
        See :class:`AxiPort`.
    burst : int
        Beats of the longest burst, a power of two.
    beats : int
        Beats of the longest block.

    Members
    -------
    i : ``In(stream)`` of :func:`block_layout`
    o : ``Out(stream)`` of ``address`` and ``length`` (beats - 1)
    """

    def __init__(self, *, address_bits, data_bits, burst, beats):
        check_burst(burst, data_bits)
        self.burst = burst
        self.beat_bytes = data_bits // 8
        layout = block_layout(address_bits, beats)
        bursts = StructLayout({"address": address_bits, "length": 8})
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(bursts))})

    def elaborate(self, platform):
        m = Module()
        address = Signal.like(self.i.payload.address)
        rest = Signal.like(self.i.payload.beats)  # beats - 1
        active = Signal()
        shift = (self.beat_bytes - 1).bit_length()
        until_aligned = (self.burst - 1) - (address >> shift)[: (self.burst - 1).bit_length()]
        last = rest <= until_aligned
        length = Signal(8)
        leaves = self.o.valid & self.o.ready
        m.d.comb += [
            length.eq(Mux(last, rest, until_aligned)),
            self.o.valid.eq(active),
            self.o.payload.address.eq(address),
            self.o.payload.length.eq(length),
            self.i.ready.eq(~active | (leaves & last)),
        ]
        with m.If(leaves):
            m.d.sync += [
                address.eq(address + ((length + 1) << shift)),
                rest.eq(rest - length - 1),
            ]
            with m.If(last):
                m.d.sync += active.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                address.eq(self.i.payload.address),
                rest.eq(self.i.payload.beats),
                active.eq(1),
            ]
        return m
