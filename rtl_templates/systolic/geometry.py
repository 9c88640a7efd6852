"""How a task is cut into tiles, chunks and slots: what loader, slots and predictions share."""

from dataclasses import dataclass, replace

from rtl_templates.attention.lanes import Lanes
from rtl_templates.attention.results import row_cycles
from rtl_templates.attention.shape import LaneShape

__all__ = ["Geometry", "span_of"]

LAGS = (1, 2, 3)

ROW_CHUNKS = 3
"""Chunks of the rows of a product: one in use, one ready, one on its way."""


def span_of(shape):
    """Return the tiles of rows that a beat across the rows holds: a power of two."""
    return 1 << max(0, (shape.lanes // shape.rows).bit_length() - 1)


@dataclass(frozen=True)
class Geometry:
    """A task on an array.

    A *chunk* is what one tile needs of an operand; a *slot* is the time in which a tile is
    multiplied (attention: the keys of a tile, and the values of the tile ``lag`` slots ago).

    Parameters
    ----------
    shape : ArrayShape
    task : ArrayTask
    """

    shape: object
    task: object

    @property
    def attention(self):
        """Whether the task has values."""
        return self.task.kind == "attention"

    @property
    def sized(self):
        """Whether keys and values have sizes, a beat of each per tile."""
        return self.attention and self.task.lane.kv4

    @property
    def size_pitch(self):
        """Sizes from a key head to the next one: those of whole tiles."""
        return self.tiles * self.shape.rows if self.sized else 0

    @property
    def size_places(self):
        """Tiles whose sizes are kept: a power of two.

        Those of tile t + n arrive in slot t + n - 2 at the earliest, after its keys.  By then the
        sizes of tile t were looked at: a key's beside its score, at most 2R + 8 cycles after its
        slot's last key, a value's beside its numerator, as long after slot t + lag - 1.
        """
        late = self.lag + 1 + -(-(2 * self.shape.rows + 8) // self.slot)
        return 1 << (late - 1).bit_length() if self.sized else 0

    @property
    def reads_rows(self):
        """Whether row operands come from memory."""
        return self.task.kind != "linear"

    @property
    def spread(self):
        """Whether rows of the second operand lie across the array's rows."""
        return self.task.kind == "plain"

    @property
    def sink_tiles(self):
        """Tiles that hold nothing but sinks."""
        return -(-self.task.lane.sinks // self.shape.rows) if self.attention else 0

    @property
    def gap(self):
        """Empty slots of keys between the sinks and the next tile."""
        return self.sink_tiles * self.shape.rows - self.task.lane.sinks if self.attention else 0

    @property
    def key_slots(self):
        """Slots of keys; those of a cache count the gap."""
        lane = self.task.lane
        return lane.keys if lane.cached else lane.keys + self.gap

    @property
    def tiles(self):
        """Tiles of a block: of output features, of elements that stay, or of all slots of keys."""
        if self.task.operands_stay:
            return -(-self.task.inner // self.shape.rows)
        results = self.key_slots if self.attention else self.task.features
        return -(-results // self.shape.rows)

    @property
    def height(self):
        """Products: results that a column gives at a time, the last feature first."""
        return self.task.features if self.task.operands_stay else self.shape.rows

    @property
    def words(self):
        """Products: words of results of a column, of those that it gives at a time."""
        return self.height // self.shape.beat

    @property
    def span(self):
        """Tiles that share a chunk of rows: as many as a beat across the rows holds."""
        return span_of(self.shape) if self.spread else 1

    @property
    def blocks(self):
        """Blocks of columns, of a head."""
        return -(-self.task.entries // self.shape.columns)

    @property
    def lag(self):
        """Slots from a tile's keys to its values: 1, or up to 3 where that makes slots shorter."""
        return min(LAGS, key=self._slot)

    @property
    def slot(self):
        """Cycles from the start of a slot to the earliest start of the next one.

        Products: as many as their results take down the drain chain, or out as beats; where
        operands stay, as the next tile takes on its way in, one cycle after the slot's start.
        Attention: numerators must be back in the array ``lag`` slots later.
        """
        shape = self.shape
        if self.task.operands_stay:
            beats = self.words * shape.columns
            return max(self.work, shape.rows + 1, -(-beats // self.tiles))
        if not self.attention:
            return max(self.work, shape.rows, shape.rows // shape.beat * shape.columns)
        return self._slot(self.lag)

    @property
    def work(self):
        """Steps of a slot."""
        if self.task.operands_stay:
            return self.task.features
        return self.task.inner + (self.task.features if self.attention else 0)

    def _slot(self, lag):
        """Return the cycles of a slot of attention with this lag.

        Numerators enter the shadows when those of the tile before are in use.
        """
        shape = self.shape
        least = max(self.work, shape.columns // shape.scores, self.task.features + 1)
        return max(least, shape.rows // shape.scores + 1, -(-self._turn // lag))

    @property
    def turns(self):
        """Columns that a lane of attention can serve without lengthening the slot: 1 or 2.

        The second column's scores wait in the drain chain, and its sums in a queue; a block's
        results must all be there when normalisers come to them.
        """
        shape, task = self.shape, self.task
        lanes = LaneShape(
            columns=shape.columns,
            tile=shape.rows,
            score_bits=shape.acc_bits,
            sum_bits=shape.acc_bits,
            normalisers=shape.normalisers,
            lanes=shape.beat,
            out_bits=shape.out_bits,
            lag=self.lag,
        )
        if shape.scores == 2 or task.lane.kv4 or shape.columns % (2 * shape.normalisers):
            return 1
        lanes = replace(lanes, turns=2)
        fits = (
            self.slot >= max(lanes.score_step, lanes.merge_step(task.features))
            and self.lag * self.slot >= self._turn + lanes.later
            and lanes.merge_turn(task.features) <= row_cycles(task.features)
        )
        return 2 if fits else 1

    @property
    def _turn(self):
        """Cycles from the first sum of a tile until its numerators are where they are due.

        Down to where scores leave, all of them into the lane, and from there into the shadows.
        """
        rows, scores = self.shape.rows, self.shape.scores
        return rows + 2 * rows // scores + Lanes.READY + Lanes.RELOAD - Lanes.SCORE

    @property
    def column_words(self):
        """Words of a column's chunk, queries for the sinks apart."""
        return -(-self.task.inner // self.shape.lanes)

    @property
    def column_parts(self):
        """Operands of a column: 2 with queries for the sinks."""
        return 1 + self.task.pinned

    @property
    def column_chunk(self):
        """Words from a column's chunk to the next one: of whole tiles, if they stay."""
        words = self.column_words
        if self.task.operands_stay:
            words = -(-self.tiles * self.shape.rows // self.shape.lanes)
        return words * self.column_parts

    @property
    def row_words(self):
        """Words of a row's chunk."""
        return -(-self.task.inner * self.span // self.shape.lanes) if self.reads_rows else 0

    @property
    def row_chunks(self):
        """Chunks of rows at once."""
        if not self.reads_rows:
            return 0
        return 2 if self.attention else ROW_CHUNKS

    @property
    def together(self):
        """Rows of keys, and of values, that a beat holds: short ones that lie side by side."""
        task, lane, lanes = self.task, self.task.lane, self.shape.lanes
        if not self.attention or lane.cached or lane.sinks or task.heads > 1:
            return 1
        if task.inner != task.features or lanes % task.inner:
            return 1
        return min(lanes // task.inner, self.shape.rows)

    @property
    def row_lines(self):
        """Lines of a row chunk in memory: rows of the array, or (spread) inner elements."""
        if not self.reads_rows:
            return 0
        return self.task.inner if self.spread else self.shape.rows // self.together

    @property
    def line_beats(self):
        """Beats of such a line."""
        if not self.reads_rows:
            return 0
        elements = self.shape.rows * self.span if self.spread else self.task.inner * self.together
        return -(-elements // self.shape.lanes)

    @property
    def value_words(self):
        """Words of a chunk of values in a row's memory."""
        return -(-self.task.features // self.shape.lanes) if self.attention else 0

    @property
    def value_chunks(self):
        """Chunks of values at once."""
        return self.lag + 2 if self.attention else 0

    @property
    def row_depth(self):
        """Words of a row's memory."""
        return self.row_words * self.row_chunks + self.value_words * self.value_chunks

    @property
    def column_depth(self):
        """Words of a column's memory: two blocks."""
        return 2 * self.column_chunk

    @property
    def query_pitch(self):
        """Elements from a token to the next one in the first operand."""
        return self.task.heads * self.task.group * self.task.inner

    @property
    def row_pitch(self):
        """Elements from a line of rows to the next one in the second operand."""
        if self.spread:
            return self.task.features
        return self.task.heads * self.task.inner * self.together

    @property
    def row_tile(self):
        """Elements from a chunk's first line to the next chunk's."""
        return self.shape.rows * self.span if self.spread else self.row_lines * self.row_pitch

    @property
    def value_pitch(self):
        """Elements from a line of values to the next one."""
        return self.task.heads * self.task.features * self.together if self.attention else 0
