"""The dataflow engine of one op that looks at whole rows."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.mover import Mover
from rtl_templates.memory.walk import Level, Walk
from rtl_templates.memory.window_buffer import WindowBuffer
from rtl_templates.streams.credits import CreditQueue

__all__ = ["RowEngine", "row_walk"]


def row_walk(rows, features, *, lanes, period):
    """Return the walk over rows: a group is a row, and takes at least ``period`` cycles."""
    if lanes < 1 or features % lanes:
        raise ValueError(f"Lanes must divide rows of {features} elements, not {lanes}")
    beats = features // lanes
    return Walk(
        elements=rows * features,
        row=features,
        levels=(Level(rows, features), Level(1), Level(beats, 0, lanes)),
        group=1,
        reach=(0, features - 1),
        idle=max(0, period - beats),
    )


class RowEngine(wiring.Component):
    """A stream of rows in, normalised (or turned into shares), a stream of rows out.

    A row starts when the buffer holds it whole and the queue has room for all its beats.
    Latency, throughput, cost: those of the core.

    Parameters
    ----------
    core : NormCore or SoftmaxCore
        With one task.
    walk : Walk
        See :func:`row_walk`.
    depth, beat, banks, granule
        See :class:`WindowBuffer`.
    queue : int
        Beats of the output queue, at least those of a row.

    Members
    -------
    i : ``In(stream.Signature(beat * x_bits)).array(1)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : ``Out(1)``
        See :class:`rtl_templates.mac.mac_engine.MacEngine`.
    """

    def __init__(self, core, walk, *, depth, beat, banks, granule, queue):
        shape = core.shape
        if queue < walk.group_steps:
            raise ValueError(f"Queue must hold a row of {walk.group_steps} beats, not {queue}")
        self.core = core
        self.mover = Mover([walk])
        self.row_beats = walk.group_steps
        self.buffer = WindowBuffer(
            elements=walk.elements,
            depth=depth,
            bits=shape.x_bits,
            beat=beat,
            banks=banks,
            granule=granule,
            lanes=shape.lanes,
            reads=1,
            low=walk.x_range()[0] + walk.y_range()[0],
            high=walk.x_range()[1] + walk.y_range()[1],
        )
        self.queue = CreditQueue(shape.lanes * shape.out_bits, queue)
        super().__init__(
            {
                "i": In(stream.Signature(beat * shape.x_bits)).array(1),
                "o": Out(stream.Signature(shape.lanes * shape.out_bits)),
                "active": Out(1),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.mover = mover = self.mover
        m.submodules.core = core = self.core
        m.submodules.buffer = buffer = self.buffer
        m.submodules.queue = queue = self.queue
        wiring.connect(m, wiring.flipped(self.i[0]), buffer.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        has_data = buffer.level >= mover.need
        has_room = queue.room >= self.row_beats
        m.d.comb += [
            mover.go.eq(has_data & has_room),
            buffer.address[0].eq(mover.y + mover.x),
            buffer.release.eq(mover.release),
            buffer.release_enable.eq(mover.row_done),
            buffer.done.eq(mover.done),
            core.step.eq(mover.step),
            core.first.eq(mover.first),
            core.last.eq(mover.last),
            core.data.eq(buffer.data[0]),
            queue.push.eq(core.beat_valid),
            queue.payload.eq(core.beat),
            self.active.eq(mover.step),
            self.waiting.eq(mover.wants & has_data & ~has_room),
        ]
        with m.If(mover.wants & mover.go):
            m.d.comb += queue.reserve.eq(self.row_beats)
        return m
