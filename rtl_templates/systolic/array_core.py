"""The systolic array with its operands, slots and results: one core for many tasks."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.lanes import Lanes
from rtl_templates.attention.shape import LaneShape
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay
from rtl_templates.systolic.collector import Collector
from rtl_templates.systolic.foot import Foot
from rtl_templates.systolic.geometry import Geometry
from rtl_templates.systolic.grid import Grid
from rtl_templates.systolic.operands import Operands
from rtl_templates.systolic.slots import Slots
from rtl_templates.systolic.stationary import StationarySlots
from rtl_templates.systolic.tile_buffer import TileBuffer
from rtl_templates.systolic.tile_sizes import TileSizes

__all__ = ["ArrayCore"]

FEED = TileBuffer.LATENCY
"""Cycles from a step to its multiplication in row 0, column 0."""


class ArrayCore(wiring.Component):
    """``rows * columns`` multipliers that run linear layers, products and attention.

    Row operands are weights, or the second operand; columns are tokens or query rows.  Each tile
    of the task takes a slot; slots follow each other without a gap as long as operands come in
    time.  A linear layer is output stationary, or operand stationary (``ArrayTask.operands_stay``).
    Latency of a task, from ``start`` to the last beat: ``hwgen.plan.array_cycles``, exact.
    Initiation interval: a tile every ``Geometry.slot`` cycles.  Utilisation bound: the steps of
    a slot over its cycles, times the used part of ``rows`` and ``columns``: 1 from the second
    tile on for products whose sizes are multiples of the array's, ``inner >= rows`` and
    ``inner >= rows / beat * columns``.  Infers ``rows * columns`` multipliers, and those of the
    collector or the lanes.

    Parameters
    ----------
    shape : ArrayShape
    tasks : sequence of ArrayTask
    weights : sequence of sequence of int
        Per row of the array: its weights by word (:class:`ArrayTask`), or empty.
    channels : sequence of int
        See :class:`Collector`.

    Members
    -------
    task, start : ``In``
        ``task`` is stable from two cycles before ``start`` to the last beat.
    seen, slot, length : ``In``
        Of attention: ``rtl_templates.attention.bounds.Bounds``.  Stable.
    read, read_ready, operand, address, data_valid, data : see :class:`Operands`.
    step : ``Out(1)``
        The array multiplies.
    beat_valid, beat, index : ``Out``
        Results, and the element of the output tensor that the first of them is.
    masked, row_ends : ``Out(1)``
        With ``beat_valid`` of attention: the query sees no key, the results are zeros; the beat is
        the last one of the query and its head.
    clamped : ``Out``
        Logarithms of attention that were clamped in this cycle.
    """

    def __init__(self, shape, tasks, weights=(), channels=()):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.weights = [list(line) for line in weights]
        self.channels = list(channels) or [0]
        self.sizes = [Geometry(shape, task) for task in self.tasks]
        if any(task.kind == "linear" for task in self.tasks) and not self.weights:
            raise ValueError("A linear task needs weights")
        if any(size.sized for size in self.sizes) and (
            shape.lanes < shape.rows or shape.data_bits < 8
        ):
            raise ValueError(
                f"The sizes of a tile need a beat of {shape.rows} elements of 8 bits, not "
                f"{shape.lanes} of {shape.data_bits}"
            )
        self.lanes = None
        lane_tasks = [task.lane for task in self.tasks if task.lane]
        if lane_tasks:
            self.lanes = Lanes(
                LaneShape(
                    columns=shape.columns,
                    tile=shape.rows,
                    score_bits=shape.acc_bits,
                    sum_bits=shape.acc_bits,
                    normalisers=shape.normalisers,
                    lanes=shape.beat,
                    out_bits=shape.out_bits,
                    lag=max(size.lag for size in self.sizes if size.attention),
                    turns=min(size.turns for size in self.sizes if size.attention),
                    scores=shape.scores,
                ),
                lane_tasks,
            )
        self.products = [task for task in self.tasks if not task.lane]
        self.collector = Collector(shape, self.products, self.channels) if self.products else None
        self.staying = [task for task in self.tasks if task.operands_stay]
        intervals = [self.lanes.interval(task.lane) if task.lane else 0 for task in self.tasks]
        self.slots = Slots(shape, self.tasks, intervals)
        self.operands = operands = Operands(shape, self.tasks)
        outputs = [part.index.shape() for part in (self.collector, self.lanes) if part]
        super().__init__(
            {
                "task": In(operands.task.shape()),
                "start": In(1),
                "seen": In(operands.seen.shape()),
                "slot": In(self.lanes.slot.shape() if self.lanes else 1),
                "length": In(operands.length.shape()),
                "read": Out(1),
                "read_ready": In(1, init=1),
                "operand": Out(3),
                "address": Out(operands.address.shape()),
                "data_valid": In(1),
                "data": In(shape.lanes * shape.data_bits),
                "step": Out(1),
                "beat_valid": Out(1),
                "beat": Out(shape.beat * shape.out_bits),
                "index": Out(max(item.width for item in outputs)),
                "masked": Out(1),
                "row_ends": Out(1),
                "clamped": Out(self.lanes.clamped.shape() if self.lanes else 1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        m.submodules.operands = operands = self.operands
        m.submodules.slots = slots = self.slots
        m.submodules.grid = grid = Grid(
            rows=shape.rows,
            columns=shape.columns,
            row_bits=shape.row_bits,
            column_bits=shape.column_bits,
            acc_bits=shape.acc_bits,
            p_bits=shape.column_bits if self.staying else 8 if self.lanes else 0,
            turn=self.lanes.shape.score_turn if self.lanes and self.lanes.shape.turns == 2 else 0,
            halves=shape.scores,
        )
        stays = TaskField(m, self.task)([task.operands_stay for task in self.tasks], "stays")
        for part, starts in ((operands, self.start), (slots, self.start & ~stays)):
            m.d.comb += [
                part.task.eq(self.task),
                part.start.eq(starts),
                part.seen.eq(self.seen),
                part.length.eq(self.length),
            ]
        m.d.comb += [
            self.read.eq(operands.read),
            operands.read_ready.eq(self.read_ready),
            self.operand.eq(operands.operand),
            self.address.eq(operands.address),
            operands.data_valid.eq(self.data_valid),
            operands.data.eq(self.data),
            self.step.eq(slots.step),
        ]
        for name in ("columns", "rows", "values"):
            m.d.comb += [
                getattr(slots, f"{name}_loaded").eq(getattr(operands, f"{name}_loaded")),
                getattr(operands, f"{name}_free").eq(getattr(slots, f"{name}_free")),
            ]
        buffers = self._feed(m, operands, slots, grid)
        if self.collector:
            m.submodules.collector = collector = self.collector
            m.d.comb += [
                collector.task.eq(self._among(m, self.products, "product")),
                collector.start.eq(self.start),
                collector.drained.eq(grid.drained),
                collector.drain.eq(grid.drain),
            ]
        if self.lanes:
            self._attend(m, slots, grid)
            if self.lanes.sized:
                self._sizes(m, operands)
        if self.staying:
            self._stay(m, stays, operands, grid, buffers)
        self._results(m)
        return m

    def _among(self, m, some, name):
        """Return the index of the present task among some of them."""
        if len(self.tasks) == 1:
            return 0
        index = Signal(range(max(2, len(some))), name=f"task_{name}")
        with m.Switch(self.task):
            for k, task in enumerate(self.tasks):
                if task in some:
                    with m.Case(k):
                        m.d.comb += index.eq(some.index(task))
        return index

    def _feed(self, m, operands, slots, grid):
        """Read rows and columns along the diagonal, and write what arrives; return the buffers."""
        shape = self.shape
        field = TaskField(m, self.task)
        m.submodules.row_buffer = rows = TileBuffer(
            count=shape.rows,
            words=max(size.row_depth for size in self.sizes),
            lanes=shape.lanes,
            bits=shape.data_bits,
            out_bits=shape.row_bits,
            tags=4,
            span=max(size.span * size.spread for size in self.sizes),
            together=operands.together,
            rom=self.weights,
            rom_bits=shape.weight_bits,
        )
        m.submodules.column_buffer = columns = TileBuffer(
            count=shape.columns,
            words=max(size.column_depth for size in self.sizes),
            lanes=shape.lanes,
            bits=shape.data_bits,
            out_bits=shape.column_bits,
        )
        m.d.comb += [
            rows.word.eq(slots.row_word),
            rows.lane.eq(slots.row_lane),
            rows.from_rom.eq(slots.from_rom),
            rows.rom_address.eq(slots.rom_address),
            rows.tag.eq(slots.first | slots.capture << 1 | slots.flow << 2 | slots.copy << 3),
            rows.is_signed.eq(field([task.row_signed for task in self.tasks], "row_signed")),
            rows.w_enable.eq(operands.row_enable),
            rows.w_word.eq(operands.row_word),
            rows.w_spread.eq(operands.spread),
            rows.w_lane.eq(operands.lane),
            rows.w_joined.eq(operands.joined),
            rows.w_data.eq(operands.beat),
            columns.word.eq(slots.column_word),
            columns.lane.eq(slots.lane),
            columns.is_signed.eq(
                field([task.column_signed for task in self.tasks], "column_signed")
            ),
            columns.w_enable.eq(operands.column_enable),
            columns.w_word.eq(operands.column_word),
            columns.w_data.eq(operands.beat),
            grid.row.eq(rows.operands),
            grid.control.eq(rows.tags_o),
            grid.column.eq(columns.operands),
        ]
        return rows, columns

    def _stay(self, m, stays, operands, grid, buffers):
        """Let elements of tokens stay: they enter by the shadows, and sums leave by the foot."""
        shape, (rows, columns) = self.shape, buffers
        m.submodules.stationary = slots = StationarySlots(shape, self.staying)
        m.submodules.foot = foot = Foot(shape, self.staying)
        ahead = FEED + shape.rows - Foot.AHEAD
        tile = delay(m, Cat(slots.begin, slots.first, slots.last), ahead, "tile")
        for part in (slots, foot):
            m.d.comb += [
                part.task.eq(self._among(m, self.staying, type(part).__name__.lower())),
                part.start.eq(self.start & stays),
            ]
        m.d.comb += [
            slots.columns_loaded.eq(operands.columns_loaded),
            Cat(foot.begin, foot.first, foot.last).eq(tile),
            foot.sums.eq(grid.sums),
        ]
        with m.If(stays):
            m.d.comb += [
                self.step.eq(slots.step),
                operands.columns_free.eq(slots.columns_free),
                rows.rom_address.eq(slots.rom_address),
                rows.tag.eq(1 << 2 | slots.copy << 3),
                columns.word.eq(slots.column_word),
                columns.lane.eq(slots.lane),
                grid.reload.eq(delay(m, slots.reload, FEED, "stays")),
                grid.p.eq(columns.operands),
                self.collector.drained.eq(foot.drained),
                self.collector.drain.eq(foot.drain),
            ]

    def _attend(self, m, slots, grid):
        """Call the lanes: scores, then numerators when the shadows are free, then sums.

        Scores of a tile leave the drain chain ``FEED + rows`` cycles after the last step of its
        keys, with two per cycle the upper half's ``FEED + rows / 2``; sums of values leave the last
        row ``FEED + rows`` cycles after their step.
        """
        shape, lanes = self.shape, self.lanes
        m.submodules.lanes = lanes
        rows = shape.rows
        score = delay(m, slots.score, FEED + rows // shape.scores - Lanes.SCORE, "score")
        ahead = FEED + rows - Lanes.MERGE
        merge = delay(m, slots.merge, ahead, "merge")
        held = {}
        for when, names in (
            (slots.score, ("score_first", "score_pinned", "score_tile")),
            (slots.merge, ("merge_first", "merge_last")),
        ):
            for name in names:
                value = getattr(slots, name)
                held[name] = Signal.like(value, name=f"held_{name}")
                with m.If(when):
                    m.d.sync += held[name].eq(value)
        of_merge = Cat(held["merge_first"], held["merge_last"])
        if shape.scores == 2:  # the next tile's values begin before
            of_merge = delay(m, Cat(slots.merge_first, slots.merge_last), ahead, "of_merge")
        # Tiles wait in the lanes until the one before is at work in the array.
        known = delay(m, score, rows + Lanes.READY, "known")
        waiting, full, reload = Signal(range(lanes.shape.waiting + 1)), Signal(), Signal()
        m.d.comb += reload.eq((known | (waiting != 0)) & (~full | slots.merge))
        m.d.sync += waiting.eq(waiting + known - reload)
        with m.If(reload):
            m.d.sync += full.eq(1)
        with m.Elif(slots.merge):
            m.d.sync += full.eq(0)
        with m.If(self.start):
            m.d.sync += [waiting.eq(0), full.eq(0)]
        attends = TaskField(m, self.task)([task.lane is not None for task in self.tasks], "waits")
        if grid.turn:
            m.d.comb += grid.waits.eq(attends)
        if grid.half:
            m.d.comb += grid.halved.eq(attends)
        m.d.comb += [
            lanes.task.eq(self._among(m, [task for task in self.tasks if task.lane], "attention")),
            lanes.start.eq(self.start),
            lanes.seen.eq(self.seen),
            lanes.slot.eq(self.slot),
            lanes.length.eq(self.length),
            lanes.score.eq(score),
            lanes.score_first.eq(held["score_first"]),
            lanes.score_key.eq(held["score_tile"] << (rows - 1).bit_length()),
            lanes.score_pinned.eq(held["score_pinned"]),
            lanes.s.eq(Cat(grid.middle, grid.drain) if grid.half else grid.drain),
            lanes.reload.eq(reload),
            grid.reload.eq(delay(m, reload, Lanes.RELOAD, "reload")),
            *(
                part.word_select(c, len(part) // shape.columns).eq(
                    lanes.p.word_select(k * shape.columns + c, 8)
                )
                for k, part in enumerate([grid.p, grid.p_lower] if grid.half else [grid.p])
                for c in range(shape.columns)
            ),
            lanes.merge.eq(merge),
            Cat(lanes.merge_first, lanes.merge_last).eq(of_merge),
            lanes.sum.eq(grid.sums),
        ]

    def _sizes(self, m, operands):
        """Keep the sizes of tiles until the lanes meet their scores, their numerators."""
        shape, lanes = self.shape, self.lanes
        codes = [operands.beat.word_select(row, shape.data_bits)[:8] for row in range(shape.rows)]
        places = max(size.size_places for size in self.sizes)
        for name, call in (("key", lanes.score), ("value", lanes.reload)):
            m.submodules[f"{name}_sizes"] = sizes = TileSizes(shape.rows, places)
            m.d.comb += [
                sizes.start.eq(self.start),
                sizes.w_enable.eq(getattr(operands, f"{name}_sizes")),
                sizes.w_data.eq(Cat(codes)),
                sizes.call.eq(call),
                getattr(lanes, f"{name}_size").eq(sizes.size),
            ]

    def _results(self, m):
        """Write what the collector or the lanes have."""
        parts = [part for part in (self.collector, self.lanes) if part]
        attends = TaskField(m, self.task)([task.lane is not None for task in self.tasks], "attends")
        if self.lanes:
            m.d.comb += [
                self.masked.eq(self.lanes.masked),
                self.row_ends.eq(self.lanes.row_ends),
                self.clamped.eq(self.lanes.clamped),
            ]
        for part in parts:
            with m.If(attends if part is self.lanes else ~attends) if len(parts) > 1 else m.If(1):
                m.d.comb += [
                    self.beat_valid.eq(part.beat_valid),
                    self.beat.eq(part.beat),
                    self.index.eq(part.index),
                ]
