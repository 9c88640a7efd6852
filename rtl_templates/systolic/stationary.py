"""When elements of the tokens enter the array, where they stay, and when weights meet them."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField
from rtl_templates.systolic.geometry import Geometry
from rtl_templates.systolic.tile_walk import TileWalk

__all__ = ["StationarySlots"]


class StationarySlots(wiring.Component):
    """Starts a slot when its operands are in the chain of shadows and the slot before it is over.

    A tile is ``rows`` elements of each token of the block.  It goes down the columns during the
    slot of the tile before, the last element first; its slot takes a feature a cycle, each
    with one weight per row.  Latency: ``rows + 2`` cycles from a block's arrival to the first step.
    Initiation interval: ``Geometry.slot``.  Utilisation bound: ``features`` over that.

    Parameters
    ----------
    shape : ArrayShape
    tasks : sequence of ArrayTask
        Those whose operands stay.

    Members
    -------
    task, start : see :class:`TileWalk`.
    columns_loaded : ``In(1)``
        The elements of a block have arrived.
    columns_free : ``Out(1)``
        They may be overwritten: nothing reads them later than what is written from now on.
    reload : ``Out(1)``
        The present element is the first one that enters the shadows for a tile.
    column_word, lane : ``Out``
        It.
    copy : ``Out(1)``
        What is in the shadows takes effect in the next cycle.
    step : ``Out(1)``
        The array multiplies.
    rom_address : ``Out``
        Weights of the step.
    begin, first, last : ``Out(1)``
        First step of a tile; the tile is the first, last of its block.
    """

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.sizes = [Geometry(shape, task) for task in self.tasks]
        self.walk = walk = TileWalk(shape, self.tasks)
        words = [size.task.weights + size.tiles * size.task.features for size in self.sizes]
        flags = ("columns_free", "reload", "copy", "step", "begin", "first", "last")
        super().__init__(
            {
                "task": In(walk.task.shape()),
                "start": In(1),
                "columns_loaded": In(1),
                **{name: Out(1) for name in flags},
                "column_word": Out(range(max(2, *(size.column_depth for size in self.sizes)))),
                "lane": Out(range(max(2, shape.lanes))),
                "rom_address": Out(range(max(2, *words))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.walk = walk = self.walk
        field = TaskField(m, self.task)
        go, full = Signal(), Signal()  # a slot starts; its operands are in the shadows
        fed_first, fed_last = Signal(), Signal()  # of the tile that is or goes there
        self._feed(m, field, walk, go, full, fed_first, fed_last)

        feature_end = field([size.task.features - 1 for size in self.sizes], "feature_end")
        slot_end = field([size.slot - 1 for size in self.sizes], "slot_end")
        base = field([size.task.weights for size in self.sizes], "weights")
        k = Signal(range(max(2, *(size.slot for size in self.sizes))))
        running, first, last = Signal(), Signal(), Signal()
        m.d.comb += [
            go.eq(full & (~running | (k == slot_end))),
            self.copy.eq(go),
            self.step.eq(running & (k <= feature_end)),
            self.begin.eq(running & (k == 0)),
            self.first.eq(first),
            self.last.eq(last),
        ]
        with m.If(running):
            m.d.sync += k.eq(k + 1)
            with m.If(k == slot_end):
                m.d.sync += running.eq(0)
        with m.If(go):
            m.d.sync += [running.eq(1), k.eq(0), first.eq(fed_first), last.eq(fed_last)]
        with m.If(self.step):
            m.d.sync += self.rom_address.eq(self.rom_address + 1)
            with m.If((k == feature_end) & last):
                m.d.sync += self.rom_address.eq(base)
        with m.If(self.start):
            m.d.sync += [running.eq(0), self.rom_address.eq(base)]
        return m

    def _feed(self, m, field, walk, go, full, fed_first, fed_last):
        """Send the elements of the next tile down the columns as soon as the shadows are free."""
        rows, low = self.shape.rows, (self.shape.lanes - 1).bit_length()
        chunk = field([size.column_chunk for size in self.sizes], "column_chunk")
        there = Signal(range(4))  # blocks that have arrived, and of which nothing is used
        feeds, feeding = Signal(), Signal()
        left = Signal(range(rows))
        most = max(size.tiles for size in self.sizes) * rows
        place, end = Signal(range(most)), Signal(range(most + 1))  # element, end of its tile
        begin = Signal.like(end)
        column, next_column = (Signal.like(self.column_word, name=f"column_{k}") for k in range(2))
        m.d.comb += [
            begin.eq(Mux(walk.first, 0, end)),
            feeds.eq(walk.active & ~feeding & (~full | go) & ((there != 0) | ~walk.first)),
            walk.task.eq(self.task),
            walk.start.eq(self.start),
            walk.advance.eq(feeds),
            self.reload.eq(feeding & (left == rows - 1)),
            self.columns_free.eq(feeding & (left == 0) & fed_last),
            self.column_word.eq(column + (place >> low)),
            self.lane.eq(place[:low]),
        ]
        m.d.sync += there.eq(there + self.columns_loaded - (feeds & walk.first))
        with m.If(feeding):
            m.d.sync += [place.eq(place - 1), left.eq(left - 1)]
            with m.If(left == 0):
                m.d.sync += [feeding.eq(0), full.eq(1)]
        with m.If(go):
            m.d.sync += full.eq(0)
        with m.If(feeds):
            m.d.sync += [
                feeding.eq(1),
                left.eq(rows - 1),
                place.eq(begin + rows - 1),
                end.eq(begin + rows),
                fed_first.eq(walk.first),
                fed_last.eq(walk.last),
            ]
            with m.If(walk.first):
                m.d.sync += [
                    column.eq(next_column),
                    next_column.eq(Mux(next_column == 0, chunk, 0)),
                ]
        with m.If(self.start):
            m.d.sync += [there.eq(0), feeding.eq(0), full.eq(0), next_column.eq(0)]
