"""Writes the sizes of a tensor's keys or values into a cache in external memory."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Out

from rtl_templates.memory.ring import SizeWriter
from rtl_templates.memory.select import by_length
from rtl_templates.memory_port.axi import beat_layout
from rtl_templates.memory_port.kv_copy import KvCopy
from rtl_templates.memory_port.kv_layout import SIZE_BITS

__all__ = ["KvSizes"]


class KvSizes(KvCopy):
    """A beat per token and key head, of which one byte is written, beside those of its neighbours.

    The sizes lie in the buffer token by token, as many as there are key heads.  Throughput: a beat
    per cycle while the writer takes them, and a cycle more per token.

    Parameters
    ----------
    layout : KvLayout
        ``sized``.
    value : bool
        Of values, else of keys.
    keys
        See :class:`KvCopy`.

    Members
    -------
    o : ``Out(stream)`` of beat_layout
    sent : ``Out(1)``
        The last beat of the tensor was taken, while ``run`` is high.
    others : see :class:`KvCopy`
    """

    def __init__(self, layout, *, value, **keys):
        self.rows = layout.sizes(value=value)
        self.places = SizeWriter(
            heads=layout.kv_heads,
            pitch=layout.tiles * layout.tile,
            **{name: keys[name] for name in ("slots", "pinned", "start")},
        )
        members = {"o": Out(stream.Signature(beat_layout(layout.data_bits))), "sent": Out(1)}
        super().__init__(layout, self.rows, layout.kv_heads, members, **keys)

    def elaborate(self, platform):
        m = Module()
        layout = self.layout
        store = self.copy(m)
        m.submodules.places = places = self.places
        part = Signal(range(self.lanes))
        gone = Signal(range(max(self.counts) + 1))
        count = by_length(self.counts, self.length)
        last = by_length([count - 1 for count in self.counts], self.length)
        moves = self.o.valid & self.o.ready
        ends = (part == self.lanes - 1) | (gone == last)
        row = places.offset[: (layout.tile - 1).bit_length()]
        byte = (row + self.rows.first)[: layout.beat_bytes.bit_length() - 1]
        m.d.comb += [
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
            self.sent.eq(gone == count),
        ]
        with m.If(moves):
            m.d.sync += [part.eq(Mux(ends, 0, part + 1)), gone.eq(gone + 1)]
        with m.If(~self.run):
            m.d.sync += gone.eq(0)
        return m
