"""What the copies of a tensor into a cache in external memory share: its places, and one read."""

from amaranth.hdl import Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.control.store import Store
from rtl_templates.memory.select import length_port
from rtl_templates.memory_port.kv_slots import KvSlots

__all__ = ["KvCopy"]


class KvCopy(wiring.Component):
    """Reads a tensor from a buffer, once, while :class:`KvSlots` asks for the places of its rows.

    Parameters
    ----------
    layout : KvLayout
    rows : KvRows
        Of keys, values or sizes.
    elements : int
        Of a token in the buffer.
    members : dict
        ``o``, and what else a copy has.
    address : int
        The tensor's first element in the buffer.
    lanes, bits : int
        Elements of a beat of the buffer, and bits of each.
    tokens, slots, pinned, start, address_bits
        See :class:`KvSlots`.

    Members
    -------
    length, run, clear, blocks : see :class:`KvSlots`
    read : ``Out``
        Element to read in this cycle.
    data : ``In(lanes * bits)``
        It and the ones behind it, in the next cycle.
    asked : ``Out(1)``
        All of the tensor is read, and its blocks are taken.
    """

    def __init__(self, layout, rows, elements, members, *, address, lanes, bits, **slots):
        self.layout = layout
        self.lanes = lanes
        self.bits = bits
        self.slots = KvSlots(layout, rows, **slots)
        self.counts = [count * elements for count in self.slots.tokens]
        self.store = Store(
            address=address,
            lanes=lanes,
            bits=bits,
            beats=[-(-count // lanes) for count in self.counts],
        )
        super().__init__(
            {
                **length_port(self.slots.tokens),
                "run": In(1),
                "clear": In(1),
                "read": Out(self.store.read.shape()),
                "data": In(lanes * bits),
                "blocks": Out(self.slots.blocks.signature),
                "asked": Out(1),
                **members,
            }
        )

    def copy(self, m):
        """Run both parts in a module; return the store, whose beats are for ``o``."""
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
            self.asked.eq(has_read & slots.asked),
        ]
        with m.If(store.done):
            m.d.sync += has_read.eq(1)
        with m.If(~self.run):
            m.d.sync += has_read.eq(0)
        return store
