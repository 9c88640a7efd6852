"""What columns of the array need for attention: from their scores to their results."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.exp2 import LOWERED_BITS, Exp2
from rtl_templates.attention.merge import Merge
from rtl_templates.attention.score import ScoreScale
from rtl_templates.attention.shape import FRACTION, OCTAVE_BITS
from rtl_templates.attention.sight import Sight
from rtl_templates.attention.tile_maximum import TileMaximum
from rtl_templates.memory.block_memory import BlockMemory

__all__ = ["Lane"]


class Lane(wiring.Component):
    """Scores to numerators, sums of numerators times values to results, of one column or two.

    Scores of a tile come in ``tile`` consecutive cycles, key ``tile - 1`` first; their
    logarithms wait in a memory for the tile's exponent; numerators leave in the same order.
    The lane holds ``banks`` tiles of logarithms (each waits in its own until its numerators are
    read), one total, and the queries' sums: nothing grows with the number of keys.

    With two columns, the second one takes its turn when the first one has had its own: its scores
    come later, as the array's drain chains wait for the lane, and its sums wait in a queue.

    The flags that say what happens when travel from lane to lane, so that a lane takes them
    from the outside, each in the cycle of the stage that needs it.  With a score in cycle t:
    ``score_load`` and ``score_pinned`` in t for the tile's first one, ``score_row`` in t + 1,
    ``key_*`` in t + 3.  With a numerator to be read in cycle t: ``read_place`` in t - 1,
    ``read_last`` in t, ``p`` in t + 2, ``total_*`` in t + 2.  ``total`` is complete ``tile + 2``
    cycles after the first numerator was read, and stays until the next tile's first one is added;
    ``exponent`` stands from 1 cycle after the last one was read on, as long.

    Latency: 4 cycles from the last score to the first read, 2 from a read to its numerator.
    Throughput: one score, one numerator and one sum per cycle.  Infers one multiplier
    ``score_bits`` by 16, a memory of ``tile * banks`` words of 18 bits, those of
    :class:`Merge`, and with two columns a queue of ``features`` words of ``sum_bits``.

    Parameters
    ----------
    shape : LaneShape
    tasks : sequence of LaneTask

    Members
    -------
    task : ``In``
    s : ``In(turns * score_bits)``
        Scores, signed, of the columns.
    score_second : ``In(1)``
        Beside ``s``: the score is one of the second column; only if there is one.
    score_load : ``In(1)``
    score_pinned : ``In(1)``
        Beside ``s``: the tile takes ``sink_multiplier``.
    lo, end, head : ``In(range(tile + 1))``
        Bounds of the tile's keys that the query sees: :class:`Sight`.
    score_row : ``In(range(tile))``
        Key.
    key_valid, key_first, key_last, key_place : ``In``
        ``key_place``: key and, above it, the bank.
    read_place, read_last : ``In``
        Key and bank, and whether it is the tile's last.
    total_valid, total_first : ``In(1)``
    factor : ``In(16)``
        Beside ``s``, if a task has sizes of keys.
    lowered : ``In(9)``
        With ``read_*``, if a task has sizes of values.
    p : ``Out(8)``
    clamped : ``Out(1)``
        A seen key's logarithm was clamped, together with ``key_*``.
    total : ``Out``
    exponent : ``Out(signed(12))``
        Of the tile: sum of its numerators, and what they are relative to.
    load, amount, ..., result_read, result
        Of :class:`Merge`; words of the second column lie behind those of the first.
    sum : ``In(turns * sum_bits)``
        Sums, signed, of the columns.
    queue_write, queued, queue_read, sum_second : ``In``
        With two columns: the second one's sum is that of feature ``queued``; feature of which a
        sum is taken from the queue in the next cycle; ``sum`` is the one taken from the queue.
    """

    SCORE = 4
    NUMERATOR = Exp2.LATENCY

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        bound, row = range(shape.tile + 1), range(shape.tile)
        place = range(shape.tile * shape.banks)
        features = max(task.features for task in self.tasks)
        word = range(max(2, features))
        self.features = features if shape.turns == 1 else 1 << (len(word) - 1).bit_length()
        self.merge = Merge(shape.turns * self.features, shape.sum_bits)
        passed = ("load", "amount", "tile_is_larger", "halve", "nothing", "read")
        self.passed = (*passed, "write", "write_last", "written", "result_read")
        second = {
            "score_second": In(1),
            "queue_write": In(1),
            "queued": In(word),
            "queue_read": In(word),
            "sum_second": In(1),
        }
        self.sized = any(task.kv4 for task in self.tasks)
        super().__init__(
            {
                **({"factor": In(16), "lowered": In(LOWERED_BITS)} if self.sized else {}),
                **(second if shape.turns == 2 else {}),
                "task": In(range(max(2, len(self.tasks)))),
                "s": In(shape.turns * shape.score_bits),
                "sum": In(shape.turns * shape.sum_bits),
                "score_load": In(1),
                "score_pinned": In(1),
                "lo": In(bound),
                "end": In(bound),
                "head": In(bound),
                "score_row": In(row),
                "key_valid": In(1),
                "key_first": In(1),
                "key_last": In(1),
                "key_place": In(place),
                "read_place": In(place),
                "read_last": In(1),
                "total_valid": In(1),
                "total_first": In(1),
                "p": Out(8),
                "clamped": Out(1),
                "total": Out(shape.total_bits),
                "exponent": Out(signed(OCTAVE_BITS)),
                "result": Out(self.merge.result.shape()),
                **{name: In(getattr(self.merge, name).shape()) for name in self.passed},
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        m.submodules.score = score = ScoreScale(shape.score_bits, self.tasks)
        m.submodules.sight = sight = Sight(shape.tile, any(task.window for task in self.tasks))
        m.submodules.maximum = maximum = TileMaximum(shape.banks)
        m.submodules.exp2 = exp2 = Exp2()
        m.submodules.merge = merge = self.merge
        m.submodules.keys = keys = BlockMemory(OCTAVE_BITS + FRACTION, shape.tile * shape.banks)
        scores = [self.s.word_select(k, shape.score_bits) for k in range(shape.turns)]
        m.d.comb += [
            sight.load.eq(self.score_load),
            sight.lo.eq(self.lo),
            sight.end.eq(self.end),
            sight.head.eq(self.head),
            sight.row.eq(self.score_row),
            score.task.eq(self.task),
            score.s.eq(scores[0] if shape.turns == 1 else Mux(self.score_second, *scores[::-1])),
            score.pinned.eq(self.score_pinned),
            score.seen.eq(sight.seen),
            self.clamped.eq(score.clamped),
            maximum.valid.eq(self.key_valid),
            maximum.first.eq(self.key_first),
            maximum.last.eq(self.key_last),
            maximum.octave.eq(score.octave),
            keys.write.eq(self.key_valid),
            keys.written.eq(self.key_place),
            keys.value.eq(Cat(score.below, score.octave)),
            keys.address.eq(self.read_place),
            Cat(exp2.below, exp2.octave).eq(keys.data),
            exp2.exponent.eq(maximum.exponent),
        ]
        if self.sized:
            m.submodules.of_values = of_values = Exp2(lowers=True)
            m.d.comb += [
                score.factor.eq(self.factor),
                Cat(of_values.below, of_values.octave).eq(keys.data),
                of_values.exponent.eq(maximum.exponent),
                of_values.lowered.eq(self.lowered),
                self.p.eq(of_values.p),
            ]
        else:
            m.d.comb += self.p.eq(exp2.p)
        if shape.banks > 1:
            read_bank = Signal(maximum.bank.shape())
            m.d.comb += maximum.bank.eq(self.key_place[shape.row_bits :])
            m.d.sync += read_bank.eq(self.read_place[shape.row_bits :])
            m.d.comb += maximum.read_bank.eq(read_bank)
        with m.If(self.total_valid):
            m.d.sync += self.total.eq(Mux(self.total_first, 0, self.total) + exp2.p)
        with m.If(self.read_last):
            m.d.sync += self.exponent.eq(maximum.exponent)
        m.d.comb += [
            *(getattr(merge, name).eq(getattr(self, name)) for name in self.passed),
            merge.sum.eq(self._sum(m)),
            self.result.eq(merge.result),
        ]
        return m

    def _sum(self, m):
        """Return the sum to merge, after those of the second column waited for their turn."""
        shape = self.shape
        if shape.turns == 1:
            return self.sum
        first, second = (self.sum.word_select(k, shape.sum_bits) for k in range(2))
        m.submodules.queue = queue = BlockMemory(shape.sum_bits, self.features)
        m.d.comb += [
            queue.write.eq(self.queue_write),
            queue.written.eq(self.queued),
            queue.value.eq(second),
            queue.address.eq(self.queue_read),
        ]
        return Mux(self.sum_second, queue.data, first)
