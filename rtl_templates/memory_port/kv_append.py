"""Writes what belongs to a token into a cache in external memory."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory_port.bursts import block_layout

__all__ = ["KvAppend"]


class KvAppend(wiring.Component):
    """One short block per key head for each row of codes, or of sizes, that comes.

    A row is ``kv_heads`` keys (values, sizes), one after the other, as its tensor holds it; the
    beats go to the writer as they are, only their addresses are made here: whole beats, also if
    only a byte of them is written.  A block's address follows 1 cycle after the one before it.

    Parameters
    ----------
    layout : KvLayout
    rows : KvRows
        ``layout.rows(...)`` or ``layout.sizes(...)``.
    address_bits : int

    Members
    -------
    slot : ``In``
        Slot of the row; looked at when ``start`` is high.
    start : ``In(1)``
        A row begins; legal only while not ``busy``.
    busy : ``Out(1)``
    blocks : ``Out(stream)`` of block_layout
    """

    def __init__(self, layout, rows, *, address_bits):
        self.layout = layout
        self.rows = rows
        slots = layout.tiles * layout.tile
        super().__init__(
            {
                "slot": In(range(max(2, slots))),
                "start": In(1),
                "busy": Out(1),
                "blocks": Out(stream.Signature(block_layout(address_bits, rows.beats))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        layout, address = self.layout, Signal.like(self.blocks.payload.address)
        head = Signal(range(max(2, layout.kv_heads)))
        bits = (layout.tile - 1).bit_length()
        row, tile = self.slot[:bits], self.slot[bits:]
        tile_bytes = layout.tile_beats * layout.beat_bytes
        within = Const(self.rows.first) + row * self.rows.pitch
        beat = layout.beat_bytes.bit_length() - 1
        moves = self.blocks.valid & self.blocks.ready
        m.d.comb += [
            self.blocks.valid.eq(self.busy),
            self.blocks.payload.address.eq(address),
            self.blocks.payload.beats.eq(self.rows.beats - 1),
        ]
        with m.If(moves):
            last = head == layout.kv_heads - 1
            m.d.sync += [
                address.eq(address + layout.tiles * tile_bytes),
                head.eq(Mux(last, 0, head + 1)),
                self.busy.eq(~last),
            ]
        with m.If(self.start):
            m.d.sync += [
                address.eq(layout.base + tile * tile_bytes + ((within >> beat) << beat)),
                self.busy.eq(1),
            ]
        return m
