"""What a column of the array needs for attention: from its scores to its results."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.exp2 import LOWERED_BITS, Exp2
from rtl_templates.attention.merge import Merge
from rtl_templates.attention.score import ScoreScale
from rtl_templates.attention.shape import FRACTION, OCTAVE_BITS
from rtl_templates.attention.sight import Sight
from rtl_templates.attention.tile_maximum import TileMaximum

__all__ = ["Lane"]


class Lane(wiring.Component):
    """Scores to numerators, and sums of numerators times values to results, of one column.

    Scores of a tile come in ``tile`` consecutive cycles, key ``tile - 1`` first; their
    logarithms wait in a memory for the tile's exponent; numerators leave in the same order.
    The lane holds ``banks`` tiles of logarithms (each waits in its own until its numerators are
    read), one total, with ``lag > 1`` also that of the tile before, and the query's sums: nothing
    grows with the number of keys.

    The flags that say what happens when travel from column to column, so that a lane takes them
    from the outside, each in the cycle of the stage that needs it.  With a score in cycle t:
    ``score_load`` and ``score_pinned`` in t for the tile's first one, ``score_row`` in t + 1,
    ``key_*`` in t + 3.  With a numerator to be read in cycle t: ``read_*`` in t, ``p`` in
    t + 2, ``total_*`` in t + 2.  ``total`` is complete ``tile + 2`` cycles after the first
    numerator was read, and stays until the next tile's first one is added, with ``lag > 1``
    until the next tile's is complete; ``exponent`` stands 1 cycle after the last one was read.

    Latency: 4 cycles from the last score to the first read, 2 from a read to its numerator.
    Throughput: one score, one numerator and one sum per cycle.  Infers one multiplier
    ``score_bits`` by 16, a memory of ``tile * banks`` words of 18 bits, and those of
    :class:`Merge`.

    Parameters
    ----------
    shape : LaneShape
    tasks : sequence of LaneTask

    Members
    -------
    task : ``In``
    s : ``In(signed(score_bits))``
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
    total_valid, total_first, total_last : ``In(1)``
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
        Of :class:`Merge`.
    """

    SCORE = 4
    NUMERATOR = Exp2.LATENCY

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        bound, row = range(shape.tile + 1), range(shape.tile)
        place = range(shape.tile * shape.banks)
        self.merge = Merge(max(task.features for task in self.tasks), shape.sum_bits)
        passed = ("load", "amount", "tile_is_larger", "halve", "nothing", "read", "sum")
        self.passed = (*passed, "write", "write_last", "written", "result_read")
        self.sized = any(task.kv4 for task in self.tasks)
        super().__init__(
            {
                **({"factor": In(16), "lowered": In(LOWERED_BITS)} if self.sized else {}),
                "task": In(range(max(2, len(self.tasks)))),
                "s": In(signed(shape.score_bits)),
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
                "total_last": In(1),
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
        m.submodules.keys = keys = Memory(
            shape=unsigned(OCTAVE_BITS + FRACTION), depth=shape.tile * shape.banks, init=[]
        )
        writer, reader = keys.write_port(), keys.read_port(domain="comb")
        m.d.comb += [
            sight.load.eq(self.score_load),
            sight.lo.eq(self.lo),
            sight.end.eq(self.end),
            sight.head.eq(self.head),
            sight.row.eq(self.score_row),
            score.task.eq(self.task),
            score.s.eq(self.s),
            score.pinned.eq(self.score_pinned),
            score.seen.eq(sight.seen),
            self.clamped.eq(score.clamped),
            maximum.valid.eq(self.key_valid),
            maximum.first.eq(self.key_first),
            maximum.last.eq(self.key_last),
            maximum.octave.eq(score.octave),
            writer.en.eq(self.key_valid),
            writer.addr.eq(self.key_place),
            writer.data.eq(Cat(score.below, score.octave)),
            reader.addr.eq(self.read_place),
            Cat(exp2.below, exp2.octave).eq(reader.data),
            exp2.exponent.eq(maximum.exponent),
        ]
        if self.sized:
            m.submodules.of_values = of_values = Exp2(lowers=True)
            m.d.comb += [
                score.factor.eq(self.factor),
                Cat(of_values.below, of_values.octave).eq(reader.data),
                of_values.exponent.eq(maximum.exponent),
                of_values.lowered.eq(self.lowered),
                self.p.eq(of_values.p),
            ]
        else:
            m.d.comb += self.p.eq(exp2.p)
        if shape.banks == 2:
            m.d.comb += [
                maximum.bank.eq(self.key_place[-1]),
                maximum.read_bank.eq(self.read_place[-1]),
            ]
        held = shape.lag > 1
        total = Signal.like(self.total, name="sum_so_far") if held else self.total
        following = Signal.like(self.total)
        m.d.comb += following.eq(Mux(self.total_first, 0, total) + exp2.p)
        with m.If(self.total_valid):
            m.d.sync += total.eq(following)
            if held:
                with m.If(self.total_last):
                    m.d.sync += self.total.eq(following)
        with m.If(self.read_last):
            m.d.sync += self.exponent.eq(maximum.exponent)
        m.d.comb += [
            *(getattr(merge, name).eq(getattr(self, name)) for name in self.passed),
            self.result.eq(merge.result),
        ]
        return m
