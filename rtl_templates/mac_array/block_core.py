"""Linear layers of operands of 4 and 8 bits from a shared buffer: one core for many tasks."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.array import BlockArray
from rtl_templates.mac_array.fetch import Fetch
from rtl_templates.mac_array.multiplier import Multiplier

__all__ = ["BlockCore"]


class BlockCore(wiring.Component):
    """:class:`BlockArray` behind :class:`Fetch`, task by task.

    Latency of a task, from ``start`` to the last beat: ``hwgen.plan.block_cycles``, exact.  Passes
    of the first tile of outputs wait for their operands, an inner tile each; all others follow
    each other without a gap as long as beats leave in time.  Initiation interval: a pass every
    ``Geometry.length`` cycles.  Utilisation bound: ``Geometry.utilisation``.  Infers ``rows *
    columns`` multipliers of 18 x 18 bits and those of the drain.

    Parameters
    ----------
    geometries, alike, out_bits, multiplier
        See :class:`BlockArray`.
    x_bits : int
        See :class:`Fetch`.

    Members
    -------
    task, start : ``In``
        ``task`` is stable from two cycles before ``start`` to the last beat; the first read is in
        the cycle after ``start``.
    address, data : see :class:`Fetch`.
    step : ``Out(1)``
        The array works on a pass.
    beat_valid, beat, index : ``Out``
        Results, and the element of the output tensor that the first of them is; no other order.
    """

    def __init__(self, geometries, alike, *, x_bits, out_bits, multiplier=Multiplier):
        self.fetch = Fetch(geometries, alike, x_bits)
        self.array = BlockArray(
            geometries, alike, out_bits=out_bits, tiled=True, multiplier=multiplier
        )
        payload = self.array.o.payload
        super().__init__(
            {
                "task": In(self.fetch.task.shape()),
                "start": In(1),
                "address": Out(self.fetch.address.shape()),
                "data": In(len(self.fetch.data)),
                "step": Out(1),
                "beat_valid": Out(1),
                "beat": Out(len(payload.data)),
                "index": Out(payload.index.shape()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.fetch = fetch = self.fetch
        m.submodules.array = array = self.array
        m.d.comb += [
            *(part.task.eq(self.task) for part in (fetch, array)),
            *(part.start.eq(self.start) for part in (fetch, array)),
            self.address.eq(fetch.address),
            fetch.data.eq(self.data),
            array.filled.eq(fetch.filled),
            *(
                getattr(array, name).eq(getattr(fetch, name))
                for name in ("w_enable", "w_address", "w_data")
            ),
            array.o.ready.eq(1),
            self.step.eq(array.active),
            self.beat_valid.eq(array.o.valid),
            self.beat.eq(array.o.payload.data),
            self.index.eq(array.o.payload.index),
        ]
        return m
