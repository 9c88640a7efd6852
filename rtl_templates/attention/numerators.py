"""From the scores of a tile to its numerators."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.exp2 import LOWERED_BITS, Exp2
from rtl_templates.attention.score import ScoreScale
from rtl_templates.attention.shape import FRACTION, OCTAVE_BITS
from rtl_templates.attention.sight import Sight
from rtl_templates.attention.tile_maximum import TileMaximum
from rtl_templates.memory.block_memory import BlockMemory

__all__ = ["Numerators"]


class Numerators(wiring.Component):
    """The score unit of a lane: scores to numerators, of a tile after the other.

    Scores of a tile come in ``tile`` consecutive cycles, in any order; their logarithms wait in a
    memory for the tile's exponent.  The unit holds ``banks`` tiles of logarithms (each waits in
    its own until its numerators are read) and one total.

    With a score in cycle t: ``score_load`` and ``score_pinned`` in t for the tile's first one,
    ``score_row`` in t + 1, ``key_*`` in t + 3.  With a numerator to be read in cycle t:
    ``read_place`` in t - 1, ``read_last`` in t, ``p`` in t + 2, ``total_*`` in t + 2.  ``total`` is
    complete ``tile + 2`` cycles after the first numerator was read, and stays until the next
    tile's first one is added; ``exponent`` stands from 1 cycle after the last one was read on, as
    long.

    Latency: 4 cycles from the last score to the first read, 2 from a read to its numerator.
    Throughput: one score and one numerator per cycle.  Infers one multiplier ``score_bits`` by 16
    and a memory of ``tile * banks`` words of 18 bits.

    Parameters
    ----------
    shape : LaneShape
    tasks : sequence of LaneTask

    Members
    -------
    task : ``In``
    s : ``In(sources * score_bits)``
        Scores, signed, of the columns or halves of the tile that the unit looks at in turn.
    score_second : ``In(1)``
        Beside ``s``: the score is one of the second of them; only if there is one.
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
    """

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        bound, row = range(shape.tile + 1), range(shape.tile)
        place = range(shape.tile * shape.banks)
        self.sized = any(task.kv4 for task in self.tasks)
        super().__init__(
            {
                **({"factor": In(16), "lowered": In(LOWERED_BITS)} if self.sized else {}),
                **({"score_second": In(1)} if shape.sources == 2 else {}),
                "task": In(range(max(2, len(self.tasks)))),
                "s": In(shape.sources * shape.score_bits),
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
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        m.submodules.score = score = ScoreScale(shape.score_bits, self.tasks)
        m.submodules.sight = sight = Sight(shape.tile, any(task.window for task in self.tasks))
        m.submodules.maximum = maximum = TileMaximum(shape.banks)
        m.submodules.exp2 = exp2 = Exp2()
        m.submodules.keys = keys = BlockMemory(OCTAVE_BITS + FRACTION, shape.tile * shape.banks)
        scores = [self.s.word_select(k, shape.score_bits) for k in range(shape.sources)]
        m.d.comb += [
            sight.load.eq(self.score_load),
            sight.lo.eq(self.lo),
            sight.end.eq(self.end),
            sight.head.eq(self.head),
            sight.row.eq(self.score_row),
            score.task.eq(self.task),
            score.s.eq(scores[0] if shape.sources == 1 else Mux(self.score_second, *scores[::-1])),
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
        return m
