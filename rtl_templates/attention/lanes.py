"""The lanes of an array's columns: from scores to results, without a memory of scores."""

from math import log2

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.align import Align
from rtl_templates.attention.bounds import Bounds
from rtl_templates.attention.exp2 import LOWERED_BITS
from rtl_templates.attention.lane import Lane
from rtl_templates.attention.normaliser import WORD
from rtl_templates.attention.results import Results
from rtl_templates.attention.shape import OCTAVE_BITS
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay

__all__ = ["LOGS", "Lanes"]

LOGS = tuple(int(64 * log2(128 / max(size, 7)) + 0.5) for size in range(129))
"""``Z[a]``: how much a value of size ``a`` lowers its numerator, in 1/64 octaves."""

RESULT = "beat_valid beat index masked row_ends busy"


class Lanes(wiring.Component):
    """A :class:`Lane` per column or two, and what they share: bounds, alignment, normalisers.

    Every event below is that of column 0; column p has it p cycles later.  Nothing here stalls:
    the array calls, and each call has a fixed latency.  With two turns, lane c serves column c and
    then column ``units + c``, whose scores and numerators come ``LaneShape.score_turn`` cycles
    after those of column c.  Its sums come when the array has them, and wait.

    With two scores per cycle, those of a tile's upper rows come from their own end of the drain
    chains, before those of the lower ones, and numerators go to two beginnings of the chains of
    shadows in the same order.  Every lane has two score units, which take tiles in turn: while one
    is at the lower half of a tile, the other one is at the upper half of the next.  Each unit has
    bounds of its own, each half of the columns an alignment.

    =========== ========================================================================
    ``score``   in c: ``s`` carries key ``tile - 1`` in c + SCORE and then one key per
                cycle, falling, down to key 0
    ``reload``  in c: ``p`` carries key ``tile - 1`` in c + RELOAD and then one key per
                cycle, falling (it enters an upward chain first and lands in row 0: key k
                in row ``tile - 1 - k``)
    ``merge``   in c: ``sum`` carries feature 0 in c + MERGE and then one per cycle
    =========== ========================================================================

    =================================================== ================================
    legal                                               why
    =================================================== ================================
    score >= score before + LaneShape.score_step        one key per cycle; one column of
                                                        bounds per cycle
    reload >= its score + tile + READY                  the exponent is known
    reload <= next score + SCORE + 2                    the next exponent is not
    lag 3: reload <= next score but one + SCORE + 2     two tiles of logarithms
    reload >= reload before + LaneShape.score_step      one key per cycle; one column's total
                                                        per cycle
    merge >= its reload + tile + RELOAD + 1 +           the denominator is known
    LaneShape.later
    merge <= next reload + tile                         tiles wait in two places
    merge >= merge before + LaneShape.merge_step        one feature per cycle; one column
                                                        of alignments per cycle
    last merge >= last merge before + interval          normalisers are free
    =================================================== ================================

    Tiles of a query block may come in any order, and tiles that no query of the block sees may be
    left out.  Blocks come in order: for each key head, its entries, ``columns`` at a time.

    Latency: :attr:`SCORE`, :attr:`READY`, :attr:`RELOAD`, :attr:`MERGE`; :meth:`latency` from a
    last ``merge`` to the last beat of its block.  Throughput: :meth:`interval`.  Memory: per
    column ``tile`` words of 18 bits (lag 3: twice as many) and twice ``features`` words of 32
    bits, with two turns per lane ``features`` words of ``sum_bits`` more, whatever the number of
    keys.  Infers ``units * scores`` multipliers ``score_bits`` by 16 and those of
    :class:`Results`, and one more for sizes of keys; exponentials and rescaling take none.

    Parameters
    ----------
    shape : LaneShape
    tasks : sequence of LaneTask

    Members
    -------
    task, start : ``In``, ``In(1)``
        ``task`` is stable from ``start`` on; ``start`` comes 3 cycles or more before the task's
        first ``score``.
    seen, slot, length : ``In``
        What a cache or a padded task needs: :class:`Bounds`.  Stable.
    score, score_first, score_key : ``In``
        With ``score``: the tile is the first of its block; its first key or slot.
    score_pinned : ``In(1)``
        With ``score``: the tile takes ``sink_multiplier``.
    s : ``In(scores * columns * score_bits)``
        Scores, signed, column 0 in the low bits; with two per cycle first those of all columns'
        upper rows.
    reload : ``In(1)``
    p : ``Out(scores * columns * 8)``
        In the order of ``s``.
    key_size, value_size : ``In(8)``
        If a task has 4-bit keys and values: the size of key ``tile - 1`` with ``score``, of value
        ``tile - 1`` with ``reload``, then of one row per cycle, falling.
    merge, merge_first, merge_last : ``In(1)``
        With ``merge``: the tile is the first, the last of its block.
    sum : ``In(columns * sum_bits)``
        Signed.
    beat_valid, beat, index : ``Out``
        Results, and the element of the output tensor that the first of them is.
    masked, row_ends : ``Out(1)``
        With ``beat_valid``: the beat's query sees no key; the beat is the query's last one.
    clamped : ``Out(range(scores * columns + 1))``
        Logarithms of seen keys that were clamped, in this cycle.
    busy : ``Out(1)``
        Beats are still to come.
    """

    SCORE = 2
    READY = 4
    RELOAD = 1 + Lane.NUMERATOR
    MERGE = 3

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.bounds = [Bounds(shape, self.tasks) for _ in range(shape.scores)]
        self.results = results = Results(shape, self.tasks)
        self.aligns = [Align(shape) for _ in range(shape.scores)]
        self.sized = any(task.kv4 for task in self.tasks)
        if self.sized and shape.sources > 1:
            raise ValueError(
                "Sizes of keys and values come once: lanes of one column and score per cycle each"
            )
        bounds = self.bounds[0]
        sizes = ("key_size", "value_size") if self.sized else ()
        super().__init__(
            {
                **{name: In(8) for name in sizes},
                "task": In(range(max(2, len(self.tasks)))),
                "start": In(1),
                **{name: In(getattr(bounds, name).shape()) for name in ("seen", "slot", "length")},
                "score": In(1),
                "score_first": In(1),
                "score_key": In(bounds.key.shape()),
                "score_pinned": In(1),
                "s": In(shape.scores * shape.columns * shape.score_bits),
                "reload": In(1),
                "p": Out(shape.scores * shape.columns * 8),
                "merge": In(1),
                "merge_first": In(1),
                "merge_last": In(1),
                "sum": In(shape.columns * shape.sum_bits),
                **{name: Out(getattr(results, name).shape()) for name in RESULT.split()},
                "clamped": Out(range(shape.scores * shape.columns + 1)),
            }
        )

    def interval(self, task):
        """Return the least cycles between the last merges of two blocks."""
        return self.results.interval(task)

    def latency(self, task):
        """Return the cycles from a block's last ``merge`` to its last beat."""
        return self.results.latency(task)

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        m.submodules.results = results = self.results
        m.d.comb += [
            *(own.eq(out) for out, own in self._same(results, RESULT)),
            results.task.eq(self.task),
            results.start.eq(self.start),
            results.begin.eq(self.merge & self.merge_last),
        ]
        units = []  # what travels past each score unit: scores, numerators to be read
        scored, reloaded = self._units(m, self.score, "score"), self._units(m, self.reload, "read")
        for k, (score, reload) in enumerate(zip(scored, reloaded, strict=True)):
            name = f"_{k}" if k else ""
            pinned = self.score_pinned
            scores, again = self._keys(m, score, pinned, self.SCORE + 3, f"key{name}")
            reads, _ = self._keys(m, reload, 0, self.RELOAD, f"numerator{name}")
            units.append((scores, reads))
            m.submodules[f"bounds{name}"] = bounds = self.bounds[k]
            m.d.comb += [
                *(bounds_in.eq(own) for bounds_in, own in self._same(bounds, "seen slot length")),
                bounds.task.eq(self.task),
                bounds.start.eq(self.start),
                bounds.score.eq(self.score),
                bounds.first.eq(self.score_first),
                bounds.key.eq(self.score_key),
                bounds.again.eq(again),
            ]
            if shape.scores == 2:
                m.d.comb += bounds.own.eq(score)
        words, merge_again = self._merges(m)
        chosen = self._align(m, [reads[self.RELOAD] for _, reads in units], merge_again)
        factors, lowered = self._sizes(m) if self.sized else ([], [])
        clamped = Signal(shape.scores * shape.units)
        bits = results.address_bits
        for p in range(shape.units):
            m.submodules[f"lane_{p}"] = lane = Lane(shape, self.tasks)
            aligned, addressed, written = (words[p + k] for k in (2, 1, 5))
            align, place = self.aligns[p // shape.side], p % shape.side
            for k, (scores, reads) in enumerate(units):
                self._score(m, lane.keys[k], k, p, scores, reads)
                key = scores[p + self.SCORE + 3]
                m.d.comb += clamped[k * shape.units + p].eq(key.valid & lane.keys[k].clamped)
            self._numerators(m, lane, p, [reads[p + self.RELOAD] for _, reads in units])
            for name, wide in (("totals", shape.total_bits), ("exponents", OCTAVE_BITS)):
                values = [getattr(keys, name[:-1]) for keys in lane.keys]
                value = (
                    values[0] if len(values) == 1 else Mux(chosen[p // shape.side], *values[::-1])
                )
                m.d.comb += getattr(align, name).word_select(place, wide).eq(value)
            m.d.comb += [
                lane.load.eq(aligned.first),
                lane.amount.eq(align.amount),
                lane.tile_is_larger.eq(align.tile_is_larger),
                lane.halve.eq(align.halve),
                lane.nothing.eq(align.nothing),
                lane.read.eq(self._address(addressed)),
                lane.sum.eq(self._of_lane(self.sum, p, shape.sum_bits, shape.columns)),
                lane.write.eq(written.valid),
                lane.write_last.eq(written.last),
                lane.written.eq(self._address(written)),
                lane.result_read.eq(results.address.word_select(p % shape.normalisers, bits)),
                results.words.word_select(p, WORD).eq(lane.result),
            ]
            if shape.turns == 2:
                queued, taken, merged = (words[k] for k in (p + shape.units + 3, p + 2, p + 3))
                m.d.comb += [
                    lane.queue_write.eq(queued.valid & ~queued.second),
                    lane.queued.eq(queued.word),
                    lane.queue_read.eq(taken.word),
                    lane.sum_second.eq(merged.second),
                ]
            if self.sized:
                m.d.comb += [
                    lane.keys[0].factor.eq(factors[p]),
                    lane.keys[0].lowered.eq(lowered[p]),
                ]
        m.d.sync += self.clamped.eq(sum(clamped[1:], start=clamped[0]))
        return m

    def _units(self, m, call, name):
        """Return the calls of each score unit: tiles in turn."""
        if self.shape.scores == 1:
            return [call]
        odd = Signal(name=f"{name}_odd")
        with m.If(call):
            m.d.sync += odd.eq(~odd)
        with m.If(self.start):
            m.d.sync += odd.eq(0)
        return [call & ~odd, call & odd]

    def _score(self, m, keys, unit, p, scores, reads):
        """Tell a score unit of lane ``p`` what comes."""
        score, compared, key = (scores[p + self.SCORE + k] for k in (0, 1, 3))
        placed, read, numerator = (reads[p + k] for k in (0, 1, self.RELOAD))
        bounds, shape = self.bounds[unit], self.shape
        total = shape.scores * shape.columns
        m.d.comb += [
            keys.task.eq(self.task),
            keys.s.eq(self._of_lane(self.s, p, shape.score_bits, total)),
            keys.score_load.eq(score.valid & score.first),
            keys.score_pinned.eq(score.pinned),
            keys.lo.eq(bounds.lo),
            keys.end.eq(bounds.end),
            keys.head.eq(bounds.head),
            keys.score_row.eq(self._row(compared)),
            keys.key_valid.eq(key.valid),
            keys.key_first.eq(key.first),
            keys.key_last.eq(key.last),
            keys.key_place.eq(self._place(key)),
            keys.read_place.eq(self._place(placed)),
            keys.read_last.eq(read.valid & read.last),
            keys.total_valid.eq(numerator.valid),
            keys.total_first.eq(numerator.first),
        ]
        if shape.sources == 2:
            second = score.second if shape.turns == 2 else ~score.row[-1]
            m.d.comb += keys.score_second.eq(second)

    def _numerators(self, m, lane, p, reads):
        """Send the numerators of a lane to where they are due: one unit's to each half of rows."""
        shape = self.shape
        for k, place in enumerate(range(p, shape.scores * shape.columns, shape.units)):
            numerator = lane.keys[0].p
            if shape.scores == 2:
                here = reads[1].valid & (reads[1].row[-1] ^ bool(k))
                numerator = Mux(here, lane.keys[1].p, numerator)
            m.d.comb += self.p.word_select(place, 8).eq(numerator)

    def _align(self, m, done, again):
        """Call the alignments: each serves its columns, as much later as they lie to the right.

        Return for each which unit has the totals that it takes.
        """
        shape, results, chosen = self.shape, self.results, []
        take = Signal(3)
        m.d.sync += take.eq(
            Cat(
                Cat(item.valid & item.last for item in done).any(),
                done[0].second,
                done[-1].valid & done[-1].last,
            )
        )
        merge, denominators = Cat(self.merge, self.merge_first, self.merge_last, again), []
        for k, align in enumerate(self.aligns):
            if k:
                take = delay(m, take, shape.side, "take_later")
                merge = delay(m, merge, shape.side, "merge_later")
            m.submodules[f"align_{k}" if k else "align"] = align
            now, held = Signal(name=f"taken_{k}"), Signal(name=f"taken_held_{k}")
            chosen.append(now)
            m.d.comb += [
                now.eq(Mux(take[0], take[2], held)),
                align.start.eq(self.start),
                Cat(align.take, align.take_second).eq(take[:2]),
                Cat(align.begin, align.first, align.last, align.again).eq(merge),
                align.read.eq(results.column - k * shape.side),
            ]
            m.d.sync += held.eq(now)
            denominators.append(align.denominator)
        right = Signal()
        m.d.sync += right.eq(results.column >= shape.side)
        m.d.comb += results.denominator.eq(
            denominators[0] if len(denominators) == 1 else Mux(right, *denominators[::-1])
        )
        return chosen

    def _same(self, other, names):
        return [(getattr(other, name), getattr(self, name)) for name in names.split()]

    def _of_lane(self, value, p, bits, count):
        """Return what belongs to a lane, of ``count`` words."""
        return Cat(value.word_select(k, bits) for k in range(p, count, self.shape.units))

    def _row(self, key):
        """Return the row of a key; with two scores per cycle the upper half comes first."""
        row = Value.cast(key.row)
        return row if self.shape.scores == 1 else Cat(row[:-1], ~row[-1])

    def _place(self, key):
        """Return the place of a key's logarithm in its score unit."""
        row = self._row(key)
        return Cat(row, key.second, key.bank) if self.shape.turns == 2 else Cat(row, key.bank)

    def _address(self, word):
        """Return the place of a feature's sum in its lane."""
        return Cat(word.word, word.second) if self.shape.turns == 2 else word.word

    def _again(self, m, call, cycles, name):
        """Return ``call`` as it was so many cycles ago, if lanes have a second column."""
        again = Signal(name=f"{name}_again")
        if self.shape.turns == 1:
            return again
        left = Signal(range(max(task.features for task in self.tasks) + self.shape.columns + 64))
        m.d.comb += again.eq(left == 1)
        with m.If(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.If(call):
            m.d.sync += left.eq(cycles)
        with m.If(self.start):
            m.d.sync += left.eq(0)
        return again

    def _keys(self, m, call, pinned, count, name):
        """Count a tile's keys down from the cycle after ``call`` on, once per turn.

        Return that, from one cycle earlier on, ever later, up to ``count`` cycles behind the last
        lane; and the cycle in which the second turn begins.
        """
        tile = self.shape.tile
        layout = data.StructLayout(
            {
                **dict.fromkeys(("valid", "first", "last", "pinned", "second", "bank"), 1),
                "row": range(tile),
            }
        )
        key, following = Signal(layout, name=name), Signal(layout, name=f"next_{name}")
        m.d.comb += following.eq(key)
        m.d.sync += key.eq(following)
        bank = Signal(name=f"{name}_bank")  # of the next tile
        again = self._again(m, call, self.shape.score_turn, name)
        with m.If(call):
            m.d.comb += [following.bank.eq(bank), following.pinned.eq(pinned)]
            m.d.sync += bank.eq(~bank if self.shape.banks > self.shape.turns else 0)
        with m.If(call | again):
            m.d.comb += [
                following.valid.eq(1),
                following.first.eq(1),
                following.last.eq(0),
                following.second.eq(again),
                following.row.eq(tile - 1),
            ]
        with m.Elif(key.valid):
            m.d.comb += [
                following.valid.eq(~key.last),
                following.first.eq(0),
                following.last.eq(key.row == 1),
                following.row.eq(key.row - 1),
            ]
        with m.If(self.start):
            m.d.sync += bank.eq(0)
        return [following, *_travel(m, key, self.shape.units + count)], again

    def _sizes(self, m):
        """Return factor of the score and drop of the numerator of each column, in its cycle."""
        field, columns = TaskField(m, self.task), self.shape.columns
        factors = [field([task.multiplier for task in self.tasks], "multiplier")]
        factors.append(field([task.sink_multiplier for task in self.tasks], "sink_multiplier"))
        pinned = Signal()
        with m.If(self.score):
            m.d.sync += pinned.eq(self.score_pinned)
        now = Mux(self.score, self.score_pinned, pinned)
        product, factor = Signal(24), Signal(16)
        m.d.sync += [
            product.eq(self.key_size * Mux(now, factors[1], factors[0])),
            factor.eq((product + 128) >> 8),
        ]
        drops = Array(Const(drop, LOWERED_BITS) for drop in LOGS)
        drop = Signal(LOWERED_BITS)
        sized = field([task.kv4 for task in self.tasks], "sized")
        m.d.sync += drop.eq(Mux(sized, drops[self.value_size], 0))
        return _travel(m, factor, columns), _travel(m, drop, columns)

    def _merges(self, m):
        """Count a tile's features from the cycle after ``merge`` on, once per turn.

        Return them ever later, and the cycle in which the second turn begins.
        """
        shape = self.shape
        field = TaskField(m, self.task)
        last_word = field([task.features - 1 for task in self.tasks], "last_word")
        words = max(2, *(task.features for task in self.tasks))
        layout = data.StructLayout(
            {"valid": 1, "first": 1, "last": 1, "second": 1, "word": range(words)}
        )
        word = Signal(layout)
        turn = field([shape.merge_turn(task.features) for task in self.tasks], "merge_turn")
        again = self._again(m, self.merge, turn, "merge")
        with m.If(self.merge):
            m.d.sync += word.last.eq(self.merge_last)
        with m.If(self.merge | again):
            m.d.sync += [
                word.valid.eq(1),
                word.first.eq(1),
                word.second.eq(again),
                word.word.eq(0),
            ]
        with m.Elif(word.valid):
            m.d.sync += [
                word.valid.eq(word.word != last_word),
                word.first.eq(0),
                word.word.eq(word.word + 1),
            ]
        return [
            None,
            *_travel(m, word, max(shape.columns, shape.units + 2) + self.MERGE + 1),
        ], again


def _travel(m, value, count):
    """Return ``value`` in ``count`` stages, each a cycle after the one before."""
    stages = [value]
    while len(stages) < count:
        stages.append(delay(m, stages[-1], 1, f"{Value.cast(value).name}_{len(stages)}"))
    return stages
