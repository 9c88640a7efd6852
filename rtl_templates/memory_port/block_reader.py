"""Reads blocks of external memory as one stream of beats."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory_port.axi import AxiPort
from rtl_templates.memory_port.bursts import Bursts, block_layout
from rtl_templates.streams.credits import CreditQueue

__all__ = ["BlockReader"]


class BlockReader(wiring.Component):
    """Requests bursts ahead, as far as there is room for what they bring.

    A burst is requested only when the queue has room for all of it, so the memory is never
    made to wait.  Latency: 2 cycles from a block to its first address, 1 from a beat to ``o``.
    Throughput: with ``depth`` at least the memory's latency + 3 + 2 * ``burst``, one beat per
    cycle without a gap between bursts or blocks, if the memory can.

    Parameters
    ----------
    address_bits, data_bits : int
        See :class:`AxiPort`.
    burst : int
        Beats of the longest burst, a power of two.
    beats : int
        Beats of the longest block.
    depth : int
        Beats of the queue, at least ``burst``.

    Members
    -------
    blocks : ``In(stream)`` of :func:`block_layout`
    o : ``Out(stream.Signature(data_bits))``
        The beats of all blocks, in order.
    ar, r : see :class:`AxiPort`
    error : ``Out(1)``
        A beat came with an error response.
    """

    def __init__(self, *, address_bits, data_bits, burst, beats, depth):
        if depth < burst:
            raise ValueError(f"A queue of {depth} beats never has room for a burst of {burst}")
        self.bursts = Bursts(
            address_bits=address_bits, data_bits=data_bits, burst=burst, beats=beats
        )
        self.queue = CreditQueue(data_bits, depth)
        port = AxiPort(address_bits, data_bits).members
        super().__init__(
            {
                "blocks": In(stream.Signature(block_layout(address_bits, beats))),
                "o": Out(stream.Signature(data_bits)),
                "ar": port["ar"],
                "r": port["r"],
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.bursts = bursts = self.bursts
        m.submodules.queue = queue = self.queue
        wiring.connect(m, wiring.flipped(self.blocks), bursts.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        # Room only grows until the burst is accepted, so the address stays once it is offered.
        has_room = queue.room > bursts.o.payload.length
        m.d.comb += [
            self.ar.payload.eq(bursts.o.payload),
            self.ar.valid.eq(bursts.o.valid & has_room),
            bursts.o.ready.eq(self.ar.ready & has_room),
            self.r.ready.eq(1),
            queue.push.eq(self.r.valid),
            queue.payload.eq(self.r.payload.data),
            self.error.eq(self.r.valid & self.r.payload.error),
        ]
        with m.If(self.ar.valid & self.ar.ready):
            m.d.comb += queue.reserve.eq(self.ar.payload.length + 1)
        return m
