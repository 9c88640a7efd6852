"""The dataflow engine of one op that folds or scales channels."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.missing import Missing
from rtl_templates.memory.mover import Mover
from rtl_templates.memory.window_buffer import WindowBuffer
from rtl_templates.streams.credits import CreditQueue
from rtl_templates.vector.vector_core import VectorCore

__all__ = ["VectorEngine"]


class VectorEngine(wiring.Component):
    """Streams of tensors in, one stream out: pools, copies, argmax, and sums of several inputs.

    All inputs have the same layout and are walked alike; the outermost level of a group
    counts the inputs where there are several.  Latency and throughput: :class:`VectorCore`.

    Parameters
    ----------
    shape, task
        See :class:`VectorCore`; one task.
    walk : Walk
    elements, depths, beats, banks, granule
        See :class:`WindowBuffer`; depth, beat and banks per input.
    queue : int
        Beats of the output queue.

    Members
    -------
    i : ``In(stream.Signature(...)).array(ports)``
        Each as wide as the widest beat; narrower ones use the low bits.
    o : ``Out(stream.Signature(lanes * out_bits))``
    clear : ``In(1)``
        Running positions, and a new sequence, begin with the next tensor that the engine starts.
    active, waiting : ``Out(1)``
        See :class:`rtl_templates.mac.mac_engine.MacEngine`.
    """

    def __init__(self, shape, task, walk, *, elements, depths, beats, banks, granule, queue):
        self.mover = Mover([walk])
        self.core = VectorCore(shape, [task])
        low = walk.x_range()[0] + walk.y_range()[0]
        high = walk.x_range()[1] + walk.y_range()[1]
        self.buffers = [
            WindowBuffer(
                elements=elements,
                depth=depth,
                bits=shape.x_bits,
                beat=beat,
                banks=bank_count,
                granule=granule,
                lanes=shape.lanes,
                reads=1,
                low=low,
                high=high,
                history=walk.history,
            )
            for depth, beat, bank_count in zip(depths, beats, banks, strict=True)
        ]
        self.missing = None
        if walk.missing:
            self.missing = Missing(missing=walk.missing, fresh=walk.fresh)
        self.queue = CreditQueue(shape.lanes * shape.out_bits, queue)
        super().__init__(
            {
                "i": In(stream.Signature(max(beats) * shape.x_bits)).array(len(self.buffers)),
                "o": Out(stream.Signature(shape.lanes * shape.out_bits)),
                "clear": In(1),
                "active": Out(1),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.mover = mover = self.mover
        m.submodules.core = core = self.core
        m.submodules.queue = queue = self.queue
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        has_data = Signal()
        has_room = queue.room >= 1
        m.d.comb += [
            has_data.eq(1),
            mover.go.eq(has_data & has_room),
            core.step.eq(mover.step),
            core.first.eq(mover.first),
            core.last.eq(mover.last),
            core.port.eq(mover.port if len(self.buffers) > 1 else 0),
            queue.push.eq(core.beat_valid),
            queue.payload.eq(core.beat),
            queue.reserve.eq(mover.wants & mover.go),
            self.active.eq(mover.step),
            self.waiting.eq(mover.wants & has_data & ~has_room),
        ]
        if self.core.remembers:
            self._clear(m, mover, core)
        words = []
        for k, buffer in enumerate(self.buffers):
            m.submodules[f"buffer_{k}"] = buffer
            m.d.comb += [
                buffer.i.payload.eq(self.i[k].payload),
                buffer.i.valid.eq(self.i[k].valid),
                self.i[k].ready.eq(buffer.i.ready),
                buffer.address[0].eq(mover.y + mover.x),
                buffer.release.eq(mover.release),
                buffer.release_enable.eq(mover.row_done),
                buffer.done.eq(mover.done),
            ]
            with m.If(buffer.level < mover.need):
                m.d.comb += has_data.eq(0)
            words.append(buffer.data[0])
        if self.missing is not None:
            self._mask(m, mover)
        if len(words) == 1:
            m.d.comb += core.data.eq(words[0])
        else:
            port = Signal.like(mover.port)
            m.d.sync += port.eq(mover.port)
            m.d.comb += core.data.eq(Array(words)[port])
        return m

    def _mask(self, m, mover):
        """Tell the core which elements, read a cycle before, are missing."""
        m.submodules.missing = missing = self.missing
        m.d.sync += self.core.absent.eq(mover.y < missing.missing)
        m.d.comb += [
            missing.step.eq(mover.step),
            missing.done.eq(mover.done),
            missing.clear.eq(self.clear),
        ]

    def _clear(self, m, mover, core):
        """Keep the wish for new positions until no tensor is under way."""
        asked, inside = Signal(), Signal()
        m.d.comb += core.clear.eq((asked | self.clear) & ~inside & ~mover.step)
        m.d.sync += asked.eq((asked | self.clear) & ~core.clear)
        with m.If(mover.step):
            m.d.sync += inside.eq(~mover.done)
