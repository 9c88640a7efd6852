"""Copies a tensor of keys or values from a buffer into a cache in external memory."""

from amaranth.hdl import Cat, Module
from amaranth.lib import stream
from amaranth.lib.wiring import Out

from rtl_templates.memory_port.kv_copy import KvCopy

__all__ = ["KvStore"]


class KvStore(KvCopy):
    """One phase of a sequential accelerator: the rows of a tensor go to their slots.

    Throughput: a beat of ``lanes`` codes per cycle while the writer takes them.  The phase may end
    when the addresses of all rows are out, and the writer has sent all of them.

    Parameters
    ----------
    layout : KvLayout
    value : bool
        Values, else keys.
    keys
        See :class:`KvCopy`; a code has ``layout.bits``.

    Members
    -------
    o : ``Out(stream.Signature(lanes * layout.bits))``
    others : see :class:`KvCopy`
    """

    def __init__(self, layout, *, value, lanes, **keys):
        row = layout.kv_heads * (layout.features if value else layout.inner)
        members = {"o": Out(stream.Signature(lanes * layout.bits))}
        super().__init__(layout, layout.rows(value=value), row, members, lanes=lanes, **keys)

    def elaborate(self, platform):
        m = Module()
        store = self.copy(m)
        m.d.comb += [
            self.o.valid.eq(store.o.valid),
            store.o.ready.eq(self.o.ready),
            self.o.payload.eq(
                Cat(
                    store.o.payload.word_select(lane, self.bits)[: self.layout.bits]
                    for lane in range(self.lanes)
                )
            ),
        ]
        return m
