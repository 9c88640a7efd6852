"""The dataflow engine of one op that multiplies by weights."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.mac.mac_core import MacCore
from rtl_templates.memory.missing import Missing
from rtl_templates.memory.window_buffer import WindowBuffer
from rtl_templates.streams.credits import CreditQueue

__all__ = ["MacEngine"]


class MacEngine(wiring.Component):
    """A stream of tensors in, convolved (or multiplied by a matrix), a stream of tensors out.

    Latency, throughput, cost: :class:`MacCore`; a group starts when the buffer holds its
    window and the queue has room for its beats.

    Parameters
    ----------
    shape, task, weights, channels
        See :class:`MacCore`, or ``core``; one task.
    elements, depth, beat, banks, granule
        See :class:`WindowBuffer`.
    queue : int
        Beats of the output queue.
    core : type
        Of the datapath.

    Members
    -------
    i : ``In(stream.Signature(beat * x_bits)).array(1)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    clear : ``In(1)``
        A new sequence begins with the next tensor that the engine starts.
    active : ``Out(1)``
        A step is issued in this cycle.
    waiting : ``Out(1)``
        A group has its data but no room at the output in this cycle.
    """

    def __init__(
        self,
        shape,
        task,
        weights,
        channels,
        *,
        elements,
        depth,
        beat,
        banks,
        granule,
        queue,
        core=MacCore,
    ):
        self.core = core = core(shape, [task], weights, channels)
        low, high = core.address_range
        self.buffer = WindowBuffer(
            elements=elements,
            depth=depth,
            bits=shape.x_bits,
            beat=beat,
            banks=banks,
            granule=granule,
            lanes=shape.reads,
            reads=shape.ports,
            low=low,
            high=high,
            history=task.walk.history,
        )
        self.missing = None
        if task.walk.missing:
            self.missing = Missing(missing=task.walk.missing, fresh=task.walk.fresh)
        self.queue = CreditQueue(shape.lanes * shape.out_bits, queue)
        super().__init__(
            {
                "i": In(stream.Signature(beat * shape.x_bits)).array(1),
                "o": Out(stream.Signature(shape.lanes * shape.out_bits)),
                "clear": In(1),
                "active": Out(1),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = self.buffer
        m.submodules.core = core = self.core
        m.submodules.queue = queue = self.queue
        wiring.connect(m, wiring.flipped(self.i[0]), buffer.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        has_data = buffer.level >= core.need
        has_room = queue.room >= core.beats
        m.d.comb += [
            core.go.eq(has_data & has_room),
            buffer.release.eq(core.release),
            buffer.release_enable.eq(core.row_done),
            buffer.done.eq(core.done),
            queue.push.eq(core.beat_valid),
            queue.payload.eq(core.beat),
            self.active.eq(core.step),
            self.waiting.eq(core.wants & has_data & ~has_room),
        ]
        with m.If(core.wants & core.go):
            m.d.comb += queue.reserve.eq(core.beats)
        if self.missing is not None:
            m.submodules.missing = missing = self.missing
            m.d.comb += [
                missing.step.eq(core.step),
                missing.done.eq(core.done),
                missing.clear.eq(self.clear),
                core.missing.eq(missing.missing),
            ]
        for k in range(len(buffer.data)):
            m.d.comb += [buffer.address[k].eq(core.address[k]), core.data[k].eq(buffer.data[k])]
        return m
