"""Where sums leave the columns of the array: adds up those of tiles that follow each other."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay
from rtl_templates.systolic.geometry import Geometry

__all__ = ["Foot"]


class Foot(wiring.Component):
    """Keeps a sum per column and feature while the elements of an operand take several tiles.

    The sums of a block's last tile leave as they come, so no memory is needed twice, nor any at
    all for tasks of one tile.  Latency: one cycle from a sum to its total.  Throughput: a sum per
    column and cycle; ``begin`` comes every 3 cycles or later.  Infers a memory of ``acc_bits`` per
    column and feature, and no multiplier.

    Parameters
    ----------
    shape : ArrayShape
    tasks : sequence of ArrayTask
        Those whose operands stay.

    Members
    -------
    task, start : ``In``
    begin : ``In(1)``
        Column 0 carries the first of a tile's sums ``AHEAD`` cycles later; then one per cycle,
        and column p is p cycles behind.
    first, last : ``In(1)``
        With ``begin``: the tile is the first, the last one of its block.
    sums : ``In(columns * acc_bits)``
    drained : ``Out(1)``
        Column 0 of ``drain`` carries the first total in the next cycle.
    drain : ``Out(columns * acc_bits)``
    """

    AHEAD = 2
    """Cycles from the address of a sum to the sum that is added to it."""

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        several = [task for task in self.tasks if Geometry(shape, task).tiles > 1]
        self.depth = max((task.features for task in several), default=0)
        width = shape.columns * shape.acc_bits
        super().__init__(
            {
                "task": In(range(max(2, len(self.tasks)))),
                "start": In(1),
                "begin": In(1),
                "first": In(1),
                "last": In(1),
                "sums": In(width),
                "drained": Out(1),
                "drain": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bits = self.shape.acc_bits
        m.d.comb += self.drained.eq(delay(m, self.begin & self.last, self.AHEAD, "drained"))
        steps = self._steps(m) if self.depth else None
        for c in range(self.shape.columns):
            sum_ = self.sums.word_select(c, bits).as_signed()
            total = Signal(signed(bits), name=f"total_{c}")
            m.d.sync += total.eq(sum_)
            m.d.comb += self.drain.word_select(c, bits).eq(total)
            if steps:
                m.d.sync += total.eq(self._added(m, c, sum_, steps[c : c + 1 + self.AHEAD]))
        return m

    def _steps(self, m):
        """Return column 0's step (``at work, first, last, feature``), and how it was cycles ago."""
        field = TaskField(m, self.task)
        ends = field([task.features - 1 for task in self.tasks], "ends")
        following = Signal(range(max(2, *(task.features for task in self.tasks))))
        running, first, last = Signal(), Signal(), Signal()
        feature = Signal.like(following)
        m.d.comb += feature.eq(Mux(self.begin, 0, following))
        with m.If(self.begin):
            m.d.sync += [running.eq(1), first.eq(self.first), last.eq(self.last)]
        with m.If(self.begin | running):
            m.d.sync += following.eq(feature + 1)
            with m.If(feature == ends):
                m.d.sync += running.eq(0)
        with m.If(self.start):
            m.d.sync += running.eq(0)
        step = Signal(3 + len(feature))
        m.d.comb += step.eq(
            Cat(
                self.begin | running,
                Mux(self.begin, self.first, first),
                Mux(self.begin, self.last, last),
                feature,
            )
        )
        steps = [step]
        for k in range(self.shape.columns - 1 + self.AHEAD):
            steps.append(delay(m, steps[-1], 1, f"step_{k}"))
        return steps

    def _added(self, m, c, sum_, steps):
        """Return a sum and what is kept for its feature, and keep that."""
        bits = self.shape.acc_bits
        memory = Memory(shape=unsigned(bits), depth=max(2, self.depth), init=[])
        m.submodules[f"kept_{c}"] = memory
        writer, reader = memory.write_port(), memory.read_port()
        asks, read, now = steps
        address = len(writer.addr)
        old, added = Signal(signed(bits), name=f"old_{c}"), Signal(signed(bits), name=f"added_{c}")
        # Block RAM is slow: what it reads waits a cycle.
        m.d.sync += old.eq(Mux(read[1], 0, reader.data))
        m.d.comb += [
            reader.en.eq(1),
            reader.addr.eq(asks[3:][:address]),
            added.eq(sum_ + old),
            writer.en.eq(now[0] & ~now[2]),
            writer.addr.eq(now[3:][:address]),
            writer.data.eq(added),
        ]
        return added
