"""When a tile is multiplied, and which elements each of its steps takes."""

from itertools import pairwise

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay
from rtl_templates.systolic.geometry import Geometry, span_of
from rtl_templates.systolic.tile_walk import TileWalk

__all__ = ["Slots"]


class Slots(wiring.Component):
    """Starts a slot when its operands are there and the slot before it is over.

    A slot multiplies a tile of rows with the block's columns, ``inner`` steps; in attention it
    goes on with the values of the tile ``lag`` slots before, ``features`` steps, so that the
    array has work while scores become numerators; ``lag`` slots more end the task.  Latency: one
    cycle from the condition to the first step.  Initiation interval: ``Geometry.slot``.
    Utilisation bound: ``inner (+ features)`` over that.

    Parameters
    ----------
    shape : ArrayShape
    tasks : sequence of ArrayTask
    intervals : sequence of int
        Least cycles between the last values' slots of two blocks.

    Members
    -------
    task, start, seen, length : see :class:`TileWalk`.
    columns_loaded, rows_loaded, values_loaded : ``In(1)``
        A chunk has arrived.
    columns_free, rows_free, values_free : ``Out(1)``
        A chunk may be overwritten: nothing reads it later than what is written from now on.
    step : ``Out(1)``
        The array multiplies.
    first, capture, flow, copy : ``Out(1)``
        What the step is: see ``rtl_templates.systolic.element.CONTROL``.
    row_word, row_lane, column_word, lane : ``Out``
        Operands of the step.
    from_rom, rom_address : ``Out``
    score : ``Out(1)``
        With ``capture``: a tile of scores is complete; ``score_first``, ``score_tile`` say which.
    merge, merge_first, merge_last : ``Out(1)``
        First step of a tile's values; the tile is the first, last of its block.
    running : ``Out(1)``
        A slot is at work.
    """

    def __init__(self, shape, tasks, intervals):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.intervals = tuple(intervals)
        self.sizes = [Geometry(shape, task) for task in self.tasks]
        self.walk = walk = TileWalk(shape, self.tasks)
        weights = max(task.weights + self._words(size) for task, size in self._pairs())
        flags = ("columns_free", "rows_free", "values_free", "step", "first", "capture", "flow")
        flags += ("copy", "from_rom", "score", "score_first", "score_pinned")
        flags += ("merge", "merge_first", "merge_last", "running")
        super().__init__(
            {
                "task": In(walk.task.shape()),
                "start": In(1),
                "seen": In(walk.seen.shape()),
                "length": In(walk.length.shape()),
                "columns_loaded": In(1),
                "rows_loaded": In(1),
                "values_loaded": In(1),
                **{name: Out(1) for name in flags},
                "row_word": Out(range(max(2, *(size.row_depth for size in self.sizes)))),
                "column_word": Out(range(max(2, *(size.column_depth for size in self.sizes)))),
                "row_lane": Out(range(max(2, shape.lanes))),
                "lane": Out(range(max(2, shape.lanes))),
                "rom_address": Out(range(max(2, weights))),
                "score_tile": Out(walk.tile.shape()),
            }
        )

    def _pairs(self):
        return zip(self.tasks, self.sizes, strict=True)

    @staticmethod
    def _words(size):
        return 0 if size.reads_rows else size.tiles * size.task.inner

    def elaborate(self, platform):
        m = Module()
        m.submodules.walk = walk = self.walk
        field = TaskField(m, self.task)

        def each(value, name):
            return field([value(size) for size in self.sizes], name)

        inner_end = each(lambda size: size.task.inner - 1, "inner_end")
        work_end = each(lambda size: size.work - 1, "work_end")
        slot_end = each(lambda size: size.slot - 1, "slot_end")
        has_values = each(lambda size: size.attention, "has_values")
        has_rows = each(lambda size: size.reads_rows, "has_rows")
        lags = [size.lag if size.attention else 1 for size in self.sizes]
        lag = field(lags, "lag")

        # What the slots at work, and those before, are about.
        tiles = [_Tile(f"tile_{k}") for k in range(max(lags))]  # latest first
        now, pv = tiles[0], _Tile("value")
        tail = Signal(2)  # slots without rows that end an attention task
        k = Signal(range(max(2, *(size.slot for size in self.sizes))))
        go, ready = Signal(), Signal()
        ends = self.running & (k == slot_end)
        next_pv = tiles[-1].all()  # of the tile ``lag`` slots before
        for slots, tile in enumerate(tiles[:-1], 1):
            pairs = zip(tile.all(), next_pv, strict=True)
            next_pv = [Mux(lag == slots, here, other) for here, other in pairs]
        next_valid, _, next_last = next_pv
        next_valid = next_valid & has_values
        rest = Signal(range(max(2, *self.intervals)))
        interval = field([max(0, interval - 2) for interval in self.intervals], "interval")

        # A chunk of rows may serve several tiles: place of the next tile, and of the present one.
        spreads = each(lambda size: size.spread, "spreads")
        span = span_of(self.shape)
        bits = (span - 1).bit_length()
        begins = ~spreads | (walk.tile[:bits] == 0)
        ended = ~spreads | (self.score_tile[:bits] == span - 1) | now.last
        takes = walk.active & has_rows & begins
        columns = self._count(m, "columns", self.columns_loaded, go & walk.active & walk.first)
        rows = self._count(m, "rows", self.rows_loaded, go & takes)
        values = self._count(m, "values", self.values_loaded, go & next_valid)
        m.d.comb += [
            ready.eq(
                (~walk.active | ((columns | ~walk.first) & (rows | ~takes)))
                & (~next_valid | (values & (~next_last | (rest == 0))))
            ),
            go.eq((walk.active | (tail != 0)) & (ends | ~self.running) & ready),
            walk.task.eq(self.task),
            walk.start.eq(self.start),
            walk.seen.eq(self.seen),
            walk.length.eq(self.length),
            walk.advance.eq(go & walk.active),
        ]
        with m.If(rest != 0):
            m.d.sync += rest.eq(rest - 1)
        with m.If(self.merge_at_start(pv, k)):
            m.d.sync += rest.eq(interval)

        with m.If(ends):
            m.d.sync += self.running.eq(0)
        with m.If(self.running):
            m.d.sync += k.eq(k + 1)
        with m.If(go):
            m.d.sync += [self.running.eq(1), k.eq(0)]
            m.d.sync += now.take(walk.active, walk.first, walk.last)
            for tile, later in pairwise(tiles):
                m.d.sync += later.take(*tile.all())
            m.d.sync += pv.take(next_valid, *next_pv[1:])
            with m.If(walk.active):
                m.d.sync += tail.eq(Mux(has_values, lag, 0))
            with m.Else():
                m.d.sync += tail.eq(tail - 1)
        with m.If(self.start):
            for tile in tiles:
                m.d.sync += tile.take(0, 0, 0)
            m.d.sync += [tail.eq(0), rest.eq(0), self.running.eq(0)]

        flow = Signal()
        inner_ends = self.running & ~flow & (k == inner_end)
        with m.If(inner_ends):
            m.d.sync += flow.eq(has_values)
        with m.If(go | self.start):
            m.d.sync += flow.eq(0)
        worked = Signal()  # the steps of a slot are over before its end
        with m.If(self.running & (k == work_end)):
            m.d.sync += worked.eq(1)
        with m.If(go):
            m.d.sync += worked.eq(0)
        free = Mux(has_values, inner_ends, ends)
        # The last row is read ``rows - 1`` cycles after the first one; beats of several rows would
        # overtake that.
        late = self.shape.rows if any(size.together > 1 for size in self.sizes) else 0
        joined = each(lambda size: size.together > 1, "joined")
        rows_free, values_free = Signal(), Signal()
        m.d.comb += [
            self.step.eq(self.running & ~worked & Mux(flow, pv.valid, now.valid)),
            self.first.eq(k == 0),
            self.capture.eq(inner_ends & now.valid),
            self.flow.eq(flow),
            self.copy.eq(inner_ends & pv.valid),
            self.from_rom.eq(~has_rows),
            self.rows_free.eq(Mux(joined, delay(m, rows_free, late, "rows_free"), rows_free)),
            rows_free.eq(free & now.valid & has_rows & ended),
            self.columns_free.eq(free & now.valid & now.last),
            self.values_free.eq(
                Mux(joined, delay(m, values_free, late, "values_free"), values_free)
            ),
            values_free.eq(flow & pv.valid & (k == work_end)),
            self.score.eq(self.capture & has_values),
            self.score_first.eq(now.first),
            self.merge_first.eq(pv.first),
            self.merge_last.eq(pv.last),
        ]
        begun = Signal()
        m.d.sync += begun.eq(inner_ends & pv.valid)
        m.d.comb += self.merge.eq(begun & has_values)
        with m.If(go & walk.active):
            m.d.sync += self.score_tile.eq(walk.tile)
        self._addresses(m, each, go, k, inner_ends, flow, next_valid, now, takes, spreads)
        return m

    def merge_at_start(self, pv, k):
        """Return whether this is the first cycle of a slot with the last values of a block."""
        return self.running & (k == 0) & pv.valid & pv.last

    def _count(self, m, name, arrived, taken):
        """Return whether chunks are there that no slot has taken."""
        count = Signal(3, name=f"{name}_there")
        m.d.sync += count.eq(count + arrived - taken)
        with m.If(self.start):
            m.d.sync += count.eq(0)
        return count != 0

    def _addresses(self, m, each, go, k, inner_ends, flow, next_valid, now, takes, spreads):
        """Step through the chunks in the rings and through the weights."""
        walk = self.walk
        row_words = each(lambda size: size.row_words, "row_words")
        row_end = each(lambda size: size.row_words * size.row_chunks, "row_end")
        value_words = each(lambda size: size.value_words, "value_words")
        value_end = each(lambda size: size.row_depth, "value_end")
        chunk = each(lambda size: size.column_chunk, "column_chunk")
        pinned_offset = each(lambda size: size.task.pinned * size.column_words, "pinned_offset")
        sink_tiles = each(lambda size: size.sink_tiles, "sink_tiles")
        last_lane = self.shape.lanes - 1

        def ring(name, words, end, begin, taken):
            """Return the chunk that the slot at work reads, and go on when a slot takes one."""
            following = Signal.like(self.row_word, name=f"{name}_next")
            here = Signal.like(self.row_word, name=f"{name}_here")
            moved = following + words
            with m.If(go & taken):
                m.d.sync += [here.eq(following), following.eq(Mux(moved == end, begin, moved))]
            with m.If(self.start):
                m.d.sync += following.eq(begin)
            return here

        row = ring("row", row_words, row_end, 0, takes)
        value = ring("value", value_words, value_end, row_end, next_valid)
        column, next_column = (Signal.like(self.column_word, name=f"column_{k}") for k in range(2))
        with m.If(go & walk.active):
            pinned = walk.tile < sink_tiles
            m.d.sync += self.score_pinned.eq(pinned)
            with m.If(walk.first):
                m.d.sync += next_column.eq(Mux(next_column == 0, chunk, 0))
                m.d.sync += column.eq(next_column)
        with m.If(self.start):
            m.d.sync += next_column.eq(0)

        word = Signal(range(max(2, *(size.row_depth + size.column_depth for size in self.sizes))))
        with m.If(self.running):
            m.d.sync += self.lane.eq(self.lane + 1)
            with m.If(self.lane == last_lane):
                m.d.sync += [self.lane.eq(0), word.eq(word + 1)]
        with m.If(go | inner_ends):
            m.d.sync += [self.lane.eq(0), word.eq(0)]
        row_word = self._row_lane(m, go, inner_ends, spreads)
        m.d.comb += [
            self.row_word.eq(Mux(flow, value, row) + row_word),
            self.column_word.eq(column + word + Mux(self.score_pinned, pinned_offset, 0)),
        ]
        base = each(lambda size: size.task.weights, "weights")
        inner_end = each(lambda size: size.task.inner - 1, "rom_end")
        with m.If(self.running & (k <= inner_end)):
            m.d.sync += self.rom_address.eq(self.rom_address + 1)
            with m.If((k == inner_end) & now.last):
                m.d.sync += self.rom_address.eq(base)
        with m.If(self.start):
            m.d.sync += self.rom_address.eq(base)

    def _row_lane(self, m, go, inner_ends, spreads):
        """Step through a chunk of rows, ``span`` elements apart if they are spread."""
        span, lanes = span_of(self.shape), self.shape.lanes
        first = Signal.like(self.row_lane)
        m.d.comb += first.eq(Mux(spreads, self.walk.tile[: (span - 1).bit_length()], 0))
        begin = Signal.like(self.row_lane)
        word = Signal(self.row_word.shape())
        moved = self.row_lane + Mux(spreads, span, 1)
        with m.If(self.running):
            m.d.sync += self.row_lane.eq(moved)
            with m.If(moved >= lanes):
                m.d.sync += [self.row_lane.eq(begin), word.eq(word + 1)]
        with m.If(inner_ends):
            m.d.sync += [self.row_lane.eq(0), word.eq(0)]
        with m.If(go):
            m.d.sync += [self.row_lane.eq(first), begin.eq(first), word.eq(0)]
        return word


class _Tile:
    """What is known of the tile of a slot."""

    def __init__(self, name):
        self.valid = Signal(name=f"{name}_valid")
        self.first = Signal(name=f"{name}_first")
        self.last = Signal(name=f"{name}_last")

    def all(self):
        """Return the registers."""
        return self.valid, self.first, self.last

    def take(self, valid, first, last):
        """Return the assignments of new values."""
        return [self.valid.eq(valid), self.first.eq(first), self.last.eq(last)]
