"""Asks for the tiles of a cache in external memory, ahead of the array."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory_port.bursts import block_layout

__all__ = ["KvFetch"]


class KvFetch(wiring.Component):
    """All tiles in use, key head by key head: one block per head, as its tiles are contiguous.

    The first ``early`` tiles of the first head are a block of their own, which does not wait until
    the present tensor's rows are written: they are in none of these tiles.

    Parameters
    ----------
    layout : KvLayout
    address_bits : int

    Members
    -------
    tiles, early : ``In``
        Tiles to fetch, at least 1, and those before the first one that is written, fewer; stable
        from ``start`` until not ``busy``.
    written : ``In(1)``
        The present tensor's rows are in the memory; stays high until not ``busy``.
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
                "early": In(range(layout.tiles)),
                "written": In(1),
                "start": In(1),
                "busy": Out(1),
                "blocks": Out(stream.Signature(block_layout(address_bits, beats))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        layout = self.layout
        tile_bytes = layout.tile_beats * layout.beat_bytes
        heads = Signal(range(max(2, layout.kv_heads)))
        head = Signal.like(self.blocks.payload.address)
        begins = Signal()  # the block of early tiles is next
        skips = Signal()  # the tiles behind it are
        tiles = Signal.like(self.tiles)
        m.d.comb += [
            tiles.eq(Mux(begins, self.early, Mux(skips, self.tiles - self.early, self.tiles))),
            self.blocks.valid.eq(self.busy & (begins | self.written)),
            self.blocks.payload.address.eq(head + Mux(skips, self.early * tile_bytes, 0)),
            self.blocks.payload.beats.eq(tiles * layout.tile_beats - 1),
        ]
        with m.If(self.blocks.valid & self.blocks.ready):
            m.d.sync += [begins.eq(0), skips.eq(begins)]
            with m.If(~begins):
                m.d.sync += [head.eq(head + layout.tiles * tile_bytes), heads.eq(heads + 1)]
                with m.If(heads == layout.kv_heads - 1):
                    m.d.sync += self.busy.eq(0)
        with m.If(self.start):
            m.d.sync += [
                head.eq(layout.base),
                heads.eq(0),
                begins.eq(self.early != 0),
                skips.eq(0),
                self.busy.eq(1),
            ]
        return m
