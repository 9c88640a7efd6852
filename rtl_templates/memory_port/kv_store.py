"""Copies a tensor of keys or values from a buffer into a cache in external memory."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.control.store import Store
from rtl_templates.memory.ring import RingWriter
from rtl_templates.memory.select import by_length, length_port, per_length
from rtl_templates.memory_port.kv_append import KvAppend

__all__ = ["KvStore"]


class KvStore(wiring.Component):
    """One phase of a sequential accelerator: the rows of a tensor go to their slots.

    Throughput: a beat of ``lanes`` codes per cycle while the writer takes them.  The phase may end
    when the addresses of all rows are out, and the writer has acknowledged all of them.

    Parameters
    ----------
    layout : KvLayout
    value : bool
        Values, else keys.
    tokens : int or sequence of int
        Rows of a tensor; one for each length that it can have.
    pinned, start : int
        See :class:`rtl_templates.memory.ring.RingWriter`.
    slots : int
        Slots in use, at most ``layout.tiles * layout.tile``.
    address : int
        The tensor's first element in the buffer.
    lanes, bits : int
        Elements of a beat of the buffer, and bits of each; a code has ``layout.bits``.
    address_bits : int

    Members
    -------
    length : ``In``
        Index of the present tensor's length.
    run : ``In(1)``
    clear : ``In(1)``
        A new sequence begins: at slot 0.
    read : ``Out``
        Element to read in this cycle.
    data : ``In(lanes * bits)``
        Its beat, in the next cycle.
    o : ``Out(stream.Signature(lanes * layout.bits))``
    blocks : ``Out(stream)`` of block_layout
    asked : ``Out(1)``
        All rows of the tensor are read, and their blocks taken.
    """

    def __init__(
        self, layout, *, value, tokens, slots, pinned, start, address, lanes, bits, address_bits
    ):
        self.layout = layout
        self.tokens = per_length(tokens)
        self.lanes = lanes
        self.bits = bits
        self.append = KvAppend(layout, value=value, address_bits=address_bits)
        row = layout.kv_heads * (layout.features if value else layout.inner)
        self.store = Store(
            address=address,
            lanes=lanes,
            bits=bits,
            beats=[count * row // lanes for count in self.tokens],
        )
        self.ring = RingWriter(slots=slots, pinned=pinned, start=start, row=1, lanes=1)
        super().__init__(
            {
                **length_port(self.tokens),
                "run": In(1),
                "clear": In(1),
                "read": Out(self.store.read.shape()),
                "data": In(lanes * bits),
                "o": Out(stream.Signature(lanes * layout.bits)),
                "blocks": Out(self.append.blocks.signature),
                "asked": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.store = store = self.store
        m.submodules.append = append = self.append
        m.submodules.ring = ring = self.ring
        wiring.connect(m, append.blocks, wiring.flipped(self.blocks))
        tokens = by_length(self.tokens, self.length)
        begun = Signal(
            range(max(self.tokens) + 1)
        )  # rows whose blocks are being asked for, or were
        has_read = Signal()
        m.d.comb += [
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
            append.slot.eq(ring.offset),
            append.start.eq(self.run & ~append.busy & (begun != tokens)),
            ring.push.eq(append.start),
            ring.clear.eq(self.clear),
            self.asked.eq(has_read & ~append.busy & (begun == tokens)),
        ]
        with m.If(append.start):
            m.d.sync += begun.eq(begun + 1)
        with m.If(store.done):
            m.d.sync += has_read.eq(1)
        with m.If(~self.run):
            m.d.sync += [begun.eq(0), has_read.eq(0)]
        return m
