"""Copies a tensor of keys or values from a buffer into a cache in external memory."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.control.store import Store
from rtl_templates.memory.select import length_port
from rtl_templates.memory_port.kv_slots import KvSlots

__all__ = ["KvStore"]


class KvStore(wiring.Component):
    """One phase of a sequential accelerator: the rows of a tensor go to their slots.

    Throughput: a beat of ``lanes`` codes per cycle while the writer takes them.  The phase may end
    when the addresses of all rows are out, and the writer has sent all of them.

    Parameters
    ----------
    layout : KvLayout
    value : bool
        Values, else keys.
    tokens, slots, pinned, start
        See :class:`KvSlots`.
    address : int
        The tensor's first element in the buffer.
    lanes, bits : int
        Elements of a beat of the buffer, and bits of each; a code has ``layout.bits``.
    address_bits : int

    Members
    -------
    length, run, clear, blocks : see :class:`KvSlots`
    read : ``Out``
        Element to read in this cycle.
    data : ``In(lanes * bits)``
        Its beat, in the next cycle.
    o : ``Out(stream.Signature(lanes * layout.bits))``
    asked : ``Out(1)``
        All rows of the tensor are read, and their blocks taken.
    """

    def __init__(self, layout, *, value, address, lanes, bits, **slots):
        self.layout = layout
        self.lanes = lanes
        self.bits = bits
        self.slots = KvSlots(layout, layout.rows(value=value), **slots)
        row = layout.kv_heads * (layout.features if value else layout.inner)
        self.store = Store(
            address=address,
            lanes=lanes,
            bits=bits,
            beats=[count * row // lanes for count in self.slots.tokens],
        )
        super().__init__(
            {
                **length_port(self.slots.tokens),
                "run": In(1),
                "clear": In(1),
                "read": Out(self.store.read.shape()),
                "data": In(lanes * bits),
                "o": Out(stream.Signature(lanes * layout.bits)),
                "blocks": Out(self.slots.blocks.signature),
                "asked": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.store = store = self.store
        m.submodules.slots = slots = self.slots
        wiring.connect(m, slots.blocks, wiring.flipped(self.blocks))
        has_read = Signal()
        m.d.comb += [
            slots.length.eq(self.length),
            slots.run.eq(self.run),
            slots.clear.eq(self.clear),
            store.length.eq(self.length),
            store.run.eq(self.run & ~has_read),
            store.data.eq(self.data),
            self.read.eq(store.read),
            self.o.valid.eq(store.o.valid),
            store.o.ready.eq(self.o.ready),
            self.o.payload.eq(
                Cat(
                    store.o.payload.word_select(lane, self.bits)[: self.layout.bits]
                    for lane in range(self.lanes)
                )
            ),
            self.asked.eq(has_read & slots.asked),
        ]
        with m.If(store.done):
            m.d.sync += has_read.eq(1)
        with m.If(~self.run):
            m.d.sync += has_read.eq(0)
        return m
