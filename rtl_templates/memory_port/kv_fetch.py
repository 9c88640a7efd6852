"""Asks for the tiles of a cache in external memory, ahead of the array."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory_port.bursts import block_layout

__all__ = ["KvFetch"]


class KvFetch(wiring.Component):
    """All tiles in use, key head by key head: one block per head, as its tiles are contiguous.

    Parameters
    ----------
    layout : KvLayout
    address_bits : int

    Members
    -------
    tiles : ``In``
        Tiles to fetch, at least 1; stable from ``start`` until not ``busy``.
    start : ``In(1)``
        Legal only while not ``busy``.
    busy : ``Out(1)``
        Blocks are still to be asked for.
    blocks : ``Out(stream)`` of block_layout
    """

    def __init__(self, layout, *, address_bits):
        self.layout = layout
        beats = layout.tiles * layout.tile_beats
        super().__init__(
            {
                "tiles": In(range(layout.tiles + 1)),
                "start": In(1),
                "busy": Out(1),
                "blocks": Out(stream.Signature(block_layout(address_bits, beats))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        layout = self.layout
        head = Signal(range(max(2, layout.kv_heads)))
        address = Signal.like(self.blocks.payload.address)
        beats = Signal.like(self.blocks.payload.beats)
        pitch = layout.tiles * layout.tile_beats * layout.beat_bytes
        m.d.comb += [
            self.blocks.valid.eq(self.busy),
            self.blocks.payload.address.eq(address),
            self.blocks.payload.beats.eq(beats),
        ]
        with m.If(self.blocks.valid & self.blocks.ready):
            m.d.sync += [address.eq(address + pitch), head.eq(head + 1)]
            with m.If(head == layout.kv_heads - 1):
                m.d.sync += self.busy.eq(0)
        with m.If(self.start):
            m.d.sync += [
                address.eq(layout.base),
                head.eq(0),
                beats.eq(self.tiles * layout.tile_beats - 1),
                self.busy.eq(1),
            ]
        return m
