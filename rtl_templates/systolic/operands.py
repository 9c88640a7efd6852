"""Asks for operands in their order, and puts what arrives into the tile buffers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField
from rtl_templates.systolic.geometry import Geometry, span_of
from rtl_templates.systolic.loader import (
    COLUMNS,
    KEY_SIZES,
    PINNED,
    ROWS,
    VALUE_SIZES,
    VALUES,
    BeatWalk,
)

__all__ = ["Operands"]


class Operands(wiring.Component):
    """The loader: one beat per cycle while the rings of chunks have room.

    A beat is asked for only if its place is free, so what arrives is always taken, in any later
    cycle, in order.  Latency: ``LATENCY`` cycles from the condition to ask for a chunk's last
    beat to ``loaded``, with a memory that answers one cycle after ``read``.

    Parameters
    ----------
    shape : ArrayShape
    tasks : sequence of ArrayTask

    Members
    -------
    task, start, seen, length : see :class:`TileWalk`.
    read : ``Out(1)``; read_ready : ``In(1)``
        Beats are asked for in cycles in which both are 1.
    operand : ``Out(3)``
        Of which operand: ``COLUMNS``, ``PINNED``, ``KEY_SIZES``, ``VALUE_SIZES``, ``ROWS`` or
        ``VALUES``.
    address : ``Out``
        Its element that the beat begins with.
    data_valid : ``In(1)``; data : ``In(lanes * data_bits)``
        Beats, in the order in which they were asked for.
    columns_free, rows_free, values_free : ``In(1)``
    columns_loaded, rows_loaded, values_loaded : ``Out(1)``
        A chunk is there from the next cycle on.
    column_enable, row_enable, column_word, row_word, spread, joined, lane, beat : ``Out``
        Write ports of the tile buffers.
    key_sizes, value_sizes : ``Out(1)``
        ``beat`` holds the sizes of a tile's keys, of its values.
    """

    LATENCY = 3

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.sizes = [Geometry(shape, task) for task in self.tasks]
        self.ask = ask = BeatWalk(shape, self.tasks)
        self.take = BeatWalk(shape, self.tasks)
        shared = {(size.together, size.task.inner) for size in self.sizes if size.together > 1}
        self.together = sorted(shared)
        super().__init__(
            {
                "task": In(ask.task.shape()),
                "start": In(1),
                "seen": In(ask.seen.shape()),
                "length": In(ask.length.shape()),
                "read": Out(1),
                "read_ready": In(1),
                "operand": Out(3),
                "address": Out(ask.address.shape()),
                "data_valid": In(1),
                "data": In(shape.lanes * shape.data_bits),
                "columns_free": In(1),
                "rows_free": In(1),
                "values_free": In(1),
                "columns_loaded": Out(1),
                "rows_loaded": Out(1),
                "values_loaded": Out(1),
                "column_enable": Out(shape.columns),
                "row_enable": Out(shape.rows),
                "column_word": Out(range(max(2, *(size.column_depth for size in self.sizes)))),
                "row_word": Out(range(max(2, *(size.row_depth for size in self.sizes)))),
                "key_sizes": Out(1),
                "value_sizes": Out(1),
                "spread": Out(1),
                "joined": Out(range(len(self.together) + 2)),
                "lane": Out(range(max(2, shape.lanes))),
                "beat": Out(shape.lanes * shape.data_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.ask = ask = self.ask
        m.submodules.take = take = self.take
        field = TaskField(m, self.task)

        def each(value, name):
            return field([value(size) for size in self.sizes], name)

        for walk in (ask, take):
            m.d.comb += [
                walk.task.eq(self.task),
                walk.start.eq(self.start),
                walk.seen.eq(self.seen),
                walk.length.eq(self.length),
            ]
        self._ask(m, each, ask)
        self._take(m, field, each, take)
        return m

    def _ask(self, m, each, ask):
        """Ask for the next beat if its chunk has a place."""
        places = {
            "columns": 2,
            "rows": each(lambda size: size.row_chunks, "row_chunks"),
            "values": each(lambda size: size.value_chunks, "value_chunks"),
        }
        rows_begin = each(lambda size: KEY_SIZES if size.sized else ROWS, "rows_begin")
        parts = {"columns": COLUMNS, "rows": rows_begin, "values": VALUES}
        room, issue, can = Signal(init=1), Signal(), Signal()
        for name, part in parts.items():
            used = Signal(range(5), name=f"{name}_used")
            begins = issue & ask.begins & (ask.part == part)
            m.d.sync += used.eq(used + begins - getattr(self, f"{name}_free"))
            with m.If(self.start):
                m.d.sync += used.eq(0)
            with m.If(ask.part == part):
                m.d.comb += room.eq(used != places[name])
        m.d.comb += [
            can.eq(~self.read | self.read_ready),
            issue.eq(ask.active & can & (room | ~ask.begins)),
            ask.advance.eq(issue),
        ]
        with m.If(can):
            m.d.sync += [
                self.read.eq(issue),
                self.operand.eq(ask.part),
                self.address.eq(ask.address),
            ]

    def _take(self, m, field, each, take):
        """Put a beat where the second walk says."""
        shape = self.shape
        valid = Signal()
        m.d.sync += [valid.eq(self.data_valid), self.beat.eq(self.data)]
        m.d.comb += take.advance.eq(valid)
        spreads = each(lambda size: size.spread, "spreads")
        row_words = each(lambda size: size.row_words, "row_words")
        row_end = each(lambda size: size.row_words * size.row_chunks, "row_end")
        value_words = each(lambda size: size.value_words, "value_words")
        value_end = each(lambda size: size.row_depth, "value_end")
        chunk = each(lambda size: size.column_chunk, "column_chunk")
        pinned_offset = each(lambda size: size.task.pinned * size.column_words, "pinned_offset")
        rings = {
            "columns": (self.column_word, chunk, chunk << 1, 0),
            "rows": (self.row_word, row_words, row_end, 0),
            "values": (self.row_word, value_words, value_end, row_end),
        }
        parts = {"columns": take.part <= PINNED}
        parts |= {"rows": take.part == ROWS, "values": take.part == VALUES}
        bases = {}
        for name, (word, words, end, begin) in rings.items():
            bases[name] = base = Signal(len(word) + 1, name=f"{name}_base")
            loaded = getattr(self, f"{name}_loaded")
            m.d.comb += loaded.eq(valid & parts[name] & take.ends)
            with m.If(loaded):
                m.d.sync += base.eq(Mux(base + words == end, begin, base + words))
            with m.If(self.start):
                m.d.sync += base.eq(begin)
        low = (shape.lanes - 1).bit_length()
        spread = Signal()
        place = take.line << (span_of(shape) - 1).bit_length()  # in a row's chunk, if spread
        m.d.comb += [
            spread.eq(spreads & parts["rows"]),
            self.spread.eq(spread),
            self.lane.eq(place[:low]),
            self.column_word.eq(
                bases["columns"] + take.beat + Mux(take.part == PINNED, pinned_offset, 0)
            ),
            self.row_word.eq(
                Mux(parts["rows"], bases["rows"], bases["values"])
                + Mux(spread, place >> low, take.beat)
            ),
        ]
        if self.together:
            kinds = [
                self.together.index((size.together, size.task.inner)) + 1
                if size.together > 1
                else 0
                for size in self.sizes
            ]
            m.d.comb += self.joined.eq(field(kinds, "joined"))
        for c in range(shape.columns):
            m.d.comb += self.column_enable[c].eq(valid & parts["columns"] & (take.line == c))
        for r in range(shape.rows):
            here = take.line == r
            for k, (count, _) in enumerate(self.together, 1):
                here = Mux(self.joined == k, take.line == r // count, here)
            here = Mux(spread, take.beat == r // shape.lanes, here)
            m.d.comb += self.row_enable[r].eq(valid & (parts["rows"] | parts["values"]) & here)
        m.d.comb += [
            self.key_sizes.eq(valid & (take.part == KEY_SIZES)),
            self.value_sizes.eq(valid & (take.part == VALUE_SIZES)),
        ]
