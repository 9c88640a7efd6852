"""Writes the sizes of a tensor's keys or values into a cache in external memory."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.control.store import Store
from rtl_templates.memory.ring import SizeWriter
from rtl_templates.memory.select import by_length, length_port
from rtl_templates.memory_port.axi import beat_layout
from rtl_templates.memory_port.kv_layout import SIZE_BITS
from rtl_templates.memory_port.kv_slots import KvSlots

__all__ = ["KvSizes"]


class KvSizes(wiring.Component):
    """A beat per token and key head, of which one byte is written, beside those of its neighbours.

    The sizes lie in the buffer token by token, as many as there are key heads.  Throughput: a beat
    per cycle while the writer takes them, and a cycle more per token.

    Parameters
    ----------
    layout : KvLayout
        ``sized``.
    value : bool
        Of values, else of keys.
    tokens, slots, pinned, start
        See :class:`KvSlots`.
    address : int
        The first size in the buffer.
    lanes, bits : int
        Elements of a beat of the buffer, and bits of each.
    address_bits : int

    Members
    -------
    length, run, clear, blocks : see :class:`KvSlots`
    read : ``Out``
        Element to read in this cycle.
    data : ``In(lanes * bits)``
        It and the ones behind it, in the next cycle.
    o : ``Out(stream)`` of beat_layout
    asked : ``Out(1)``
        All sizes of the tensor are read, and their blocks taken.
    sent : ``Out(1)``
        The last beat of the tensor was taken, while ``run`` is high.
    """

    def __init__(self, layout, *, value, address, lanes, bits, **slots):
        self.layout = layout
        self.lanes = lanes
        self.bits = bits
        self.rows = layout.sizes(value=value)
        self.slots = KvSlots(layout, self.rows, **slots)
        self.counts = [count * layout.kv_heads for count in self.slots.tokens]
        self.store = Store(
            address=address,
            lanes=lanes,
            bits=bits,
            beats=[-(-count // lanes) for count in self.counts],
        )
        self.places = SizeWriter(
            heads=layout.kv_heads,
            pitch=layout.tiles * layout.tile,
            **{name: slots[name] for name in ("slots", "pinned", "start")},
        )
        super().__init__(
            {
                **length_port(self.slots.tokens),
                "run": In(1),
                "clear": In(1),
                "read": Out(self.store.read.shape()),
                "data": In(lanes * bits),
                "o": Out(stream.Signature(beat_layout(layout.data_bits))),
                "blocks": Out(self.slots.blocks.signature),
                "asked": Out(1),
                "sent": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        layout = self.layout
        m.submodules.store = store = self.store
        m.submodules.slots = slots = self.slots
        m.submodules.places = places = self.places
        wiring.connect(m, slots.blocks, wiring.flipped(self.blocks))
        has_read = Signal()
        part = Signal(range(self.lanes))
        gone = Signal(range(max(self.counts) + 1))
        count = by_length(self.counts, self.length)
        last = by_length([count - 1 for count in self.counts], self.length)
        moves = self.o.valid & self.o.ready
        ends = (part == self.lanes - 1) | (gone == last)
        row = places.offset[: (layout.tile - 1).bit_length()]
        byte = (row + self.rows.first)[: layout.beat_bytes.bit_length() - 1]
        m.d.comb += [
            slots.length.eq(self.length),
            slots.run.eq(self.run),
            slots.clear.eq(self.clear),
            store.length.eq(self.length),
            store.run.eq(self.run & ~has_read),
            store.data.eq(self.data),
            self.read.eq(store.read),
            self.o.valid.eq(store.o.valid),
            self.o.payload.data.eq(
                store.o.payload.word_select(part, self.bits)[:SIZE_BITS].replicate(
                    layout.beat_bytes
                )
            ),
            self.o.payload.strobe.eq(1 << byte),
            store.o.ready.eq(self.o.ready & ends),
            places.push.eq(moves),
            places.clear.eq(self.clear),
            self.asked.eq(has_read & slots.asked),
            self.sent.eq(gone == count),
        ]
        with m.If(store.done):
            m.d.sync += has_read.eq(1)
        with m.If(moves):
            m.d.sync += [part.eq(Mux(ends, 0, part + 1)), gone.eq(gone + 1)]
        with m.If(~self.run):
            m.d.sync += [gone.eq(0), has_read.eq(0)]
        return m
