"""The order in which a task's operands are read: an address per beat, or the place of a beat."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField, shape_for
from rtl_templates.systolic.geometry import Geometry
from rtl_templates.systolic.tile_walk import TileWalk

__all__ = ["COLUMNS", "KEY_SIZES", "PINNED", "ROWS", "VALUES", "VALUE_SIZES", "BeatWalk"]

COLUMNS, PINNED, KEY_SIZES, VALUE_SIZES, ROWS, VALUES = range(6)
"""Parts of a tile's operands, in the order of loading; the first two of a block only once."""


class BeatWalk(wiring.Component):
    """Walks through the beats of all chunks of a task.

    Per block: its columns' chunk, line by line (then the same lines of the queries for the
    sinks); per tile: the chunk of rows, then that of values.  Where keys and values have sizes, a
    chunk of rows begins with a beat of the keys' and one of the values'.  Two walks make a loader:
    one asks, the other one knows where what arrives belongs.  Latency: the next beat is there one
    cycle after ``advance``.  Throughput: a beat per cycle, without a gap between chunks.

    Parameters
    ----------
    shape : ArrayShape
    tasks : sequence of ArrayTask

    Members
    -------
    task, start, seen, length, advance, active : see :class:`TileWalk`; ``advance`` is by a beat.
    part : ``Out(3)``
    begins, ends : ``Out(1)``
        First, last beat of a chunk (of all its parts, if there are queries for the sinks, or
        sizes).
    line, beat : ``Out``
        Line of the chunk, and beat of the line.
    address : ``Out``
        First element of the beat in its operand.
    """

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.sizes = [Geometry(shape, task) for task in self.tasks]
        self.walk = walk = TileWalk(shape, self.tasks, whole=True)
        lines = max(shape.columns, shape.rows, *(size.row_lines for size in self.sizes))
        beats = max(
            max(size.column_words, size.line_beats, size.value_words) for size in self.sizes
        )
        reach = max(self._reach(size) for size in self.sizes)
        super().__init__(
            {
                "task": In(walk.task.shape()),
                "start": In(1),
                "seen": In(walk.seen.shape()),
                "length": In(walk.length.shape()),
                "advance": In(1),
                "active": Out(1),
                "part": Out(3),
                "begins": Out(1),
                "ends": Out(1),
                "line": Out(range(max(2, lines))),
                "beat": Out(range(max(2, beats))),
                "address": Out(shape_for(0, reach)),
            }
        )

    def _reach(self, size):
        """Return an address that none of a task's exceeds, padding included."""
        task = size.task
        rows = size.row_tile * (size.tiles + 1) + size.row_lines * size.row_pitch
        values = (size.tiles + 1) * self.shape.rows * size.value_pitch
        queries = task.tokens * size.query_pitch
        sizes = task.heads * size.size_pitch
        return max(rows, values, queries, sizes) + 2 * self.shape.lanes

    def elaborate(self, platform):
        m = Module()
        m.submodules.walk = walk = self.walk
        field = TaskField(m, self.task)

        def each(value, name):
            return field([value(size) for size in self.sizes], name)

        lines_of = {
            COLUMNS: walk.count - 1,
            PINNED: walk.count - 1,
            KEY_SIZES: 0,
            VALUE_SIZES: 0,
            ROWS: each(lambda size: max(0, size.row_lines - 1), "row_lines"),
            VALUES: each(lambda size: self.shape.rows // size.together - 1, "value_lines"),
        }
        column_words = each(lambda size: size.column_words - 1, "column_words")
        beats_of = {
            COLUMNS: column_words,
            PINNED: column_words,
            KEY_SIZES: 0,
            VALUE_SIZES: 0,
            ROWS: each(lambda size: max(0, size.line_beats - 1), "row_beats"),
            VALUES: each(lambda size: max(0, size.value_words - 1), "value_beats"),
        }
        pinned = each(lambda size: size.task.pinned, "pinned")
        rows = each(lambda size: size.reads_rows, "rows")
        values = each(lambda size: size.attention, "values")
        sized = each(lambda size: size.sized, "sized")

        last_line = Signal.like(self.line)
        last_beat = Signal.like(self.beat)
        chunk_ends, tile_ends = Signal(), Signal()
        following, first = Signal(3), Signal(3)  # parts: the next one, the first one of a tile
        m.d.comb += first.eq(Mux(sized, KEY_SIZES, ROWS))
        with m.Switch(self.part):
            for part, lines in lines_of.items():
                with m.Case(part):
                    m.d.comb += [last_line.eq(lines), last_beat.eq(beats_of[part])]
            with m.Default():
                pass
        of_sizes = (self.part == KEY_SIZES) | (self.part == VALUE_SIZES)
        goes_on = (self.part == PINNED) | (self.part == VALUE_SIZES)  # a chunk, after a part of it
        line_ends = self.beat == last_beat
        m.d.comb += [
            chunk_ends.eq(line_ends & (self.line == last_line)),
            self.ends.eq(chunk_ends & ~of_sizes & ((self.part != COLUMNS) | ~pinned)),
            self.begins.eq(
                (self.line == 0) & (self.beat == 0) & ~goes_on & ~((self.part == ROWS) & sized)
            ),
        ]
        with m.Switch(self.part):
            with m.Case(COLUMNS):
                m.d.comb += [following.eq(Mux(pinned, PINNED, first)), tile_ends.eq(~rows)]
            with m.Case(PINNED):
                m.d.comb += following.eq(first)
            with m.Case(KEY_SIZES):
                m.d.comb += following.eq(VALUE_SIZES)
            with m.Case(VALUE_SIZES):
                m.d.comb += following.eq(ROWS)
            with m.Case(ROWS):
                m.d.comb += [following.eq(VALUES), tile_ends.eq(~values)]
            with m.Default():
                m.d.comb += tile_ends.eq(1)
        ends = Signal()
        m.d.comb += [
            ends.eq(self.advance & chunk_ends & tile_ends),
            self.active.eq(walk.active),
            walk.task.eq(self.task),
            walk.start.eq(self.start),
            walk.seen.eq(self.seen),
            walk.length.eq(self.length),
            walk.advance.eq(ends),
        ]
        with m.If(self.advance):
            m.d.sync += self.beat.eq(Mux(line_ends, 0, self.beat + 1))
            with m.If(line_ends):
                m.d.sync += self.line.eq(Mux(chunk_ends, 0, self.line + 1))
            with m.If(chunk_ends):
                m.d.sync += self.part.eq(
                    Mux(tile_ends, Mux(walk.last | ~rows, COLUMNS, first), following)
                )
        with m.If(self.start):
            m.d.sync += [self.part.eq(COLUMNS), self.line.eq(0), self.beat.eq(0)]
        self._address(m, each, line_ends, chunk_ends, ends)
        return m

    @staticmethod
    def _gap(size):
        """Return the lines that a slot of a key lies behind its row, after the sinks."""
        return 0 if not size.attention or size.task.lane.cached else size.gap

    def _address(self, m, each, line_ends, chunk_ends, tile_ends):
        """Follow the walk with the element that a beat begins with."""
        walk = self.walk
        low = (self.shape.lanes - 1).bit_length()
        group = each(lambda size: size.task.group - 1, "last_phase")
        inner = each(lambda size: size.task.inner, "inner")
        features = each(lambda size: size.task.features, "features")
        next_token = each(
            lambda size: size.query_pitch - (size.task.group - 1) * size.task.inner, "next_token"
        )
        next_head = each(lambda size: size.task.group * size.task.inner, "next_head")
        pitch = each(lambda size: size.row_pitch, "row_pitch")
        value_pitch = each(lambda size: size.value_pitch, "value_pitch")
        row_tile = each(lambda size: size.row_tile, "row_tile")
        value_tile = each(
            lambda size: self.shape.rows // size.together * size.value_pitch, "value_tile"
        )

        shape = self.address.shape()
        query, query_head, saved = (Signal(shape, name=f"query_{k}") for k in range(3))
        phase = Signal(range(max(2, *(task.group for task in self.tasks))))
        saved_phase = Signal.like(phase)
        head_row, head_value, line = (Signal(shape, name=f"line_{k}") for k in range(3))
        head_size = Signal(shape)
        size_pitch = each(lambda size: size.size_pitch, "size_pitch")

        is_query = self.part <= PINNED
        is_rows = self.part == ROWS
        is_sizes = (self.part == KEY_SIZES) | (self.part == VALUE_SIZES)
        wraps = phase == group
        with m.If(self.advance & line_ends):
            with m.If(is_query):
                m.d.sync += [
                    phase.eq(Mux(wraps, 0, phase + 1)),
                    query.eq(query + Mux(wraps, next_token, inner)),
                ]
                if any(task.pinned for task in self.tasks):
                    with m.If(chunk_ends & ~self.ends):  # the same lines once more
                        m.d.sync += [
                            query.eq(Mux(self.begins, query, saved)),
                            phase.eq(Mux(self.begins, phase, saved_phase)),
                        ]
            with m.Else():
                m.d.sync += line.eq(line + Mux(is_rows, pitch, value_pitch))
            with m.If(chunk_ends):
                m.d.sync += line.eq(0)
        with m.If(self.advance & self.begins & (self.part == COLUMNS)):
            m.d.sync += [saved.eq(query), saved_phase.eq(phase)]
        with m.If(tile_ends & walk.last & walk.head_ends):
            m.d.sync += [
                query.eq(query_head + next_head),
                query_head.eq(query_head + next_head),
                head_row.eq(head_row + inner),
                head_value.eq(head_value + features),
                head_size.eq(head_size + size_pitch),
                phase.eq(0),
            ]
        with m.If(self.start):
            m.d.sync += [
                *(register.eq(0) for register in (query, query_head, head_row, head_value)),
                *(register.eq(0) for register in (head_size, line, phase)),
            ]
        operand = Signal(shape)
        # Rows without a cache have no empty slots between the sinks' tiles and the others.
        sinks = each(lambda size: size.sink_tiles, "sink_tiles")
        row_gap = each(lambda size: self._gap(size) * size.row_pitch, "row_gap")
        value_gap = each(lambda size: self._gap(size) * size.value_pitch, "value_gap")
        after = walk.tile >= sinks
        with m.If(is_query):
            m.d.comb += operand.eq(query)
        with m.Elif(is_sizes):
            m.d.comb += operand.eq(head_size + (walk.tile << (self.shape.rows - 1).bit_length()))
        with m.Elif(is_rows):
            rows = head_row + walk.tile * row_tile + line
            m.d.comb += operand.eq(rows - Mux(after, row_gap, 0))
        with m.Else():
            values = head_value + walk.tile * value_tile + line
            m.d.comb += operand.eq(values - Mux(after, value_gap, 0))
        m.d.comb += self.address.eq(operand + (self.beat << low))
