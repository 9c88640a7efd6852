"""Below a column of tiles: digits are joined, sums over the inner tiles added up."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.geometry import OUTPUTS, TOKENS

__all__ = ["Foot", "FootShape"]


@dataclass(frozen=True)
class FootShape:
    """Widths and sizes.

    Parameters
    ----------
    sum_bits : int
        Of what leaves the tiles.
    acc_bits : int
        Of sums over the inner tiles.
    pairs : int
        Pairs of tokens.
    ups : tuple of int
        Shifts to the left that there are.
    """

    sum_bits: int
    acc_bits: int
    pairs: int
    ups: tuple

    def layout(self):
        """Return what a foot is told of a step."""
        return data.StructLayout(
            {
                "step": 1,
                "wide": 1,  # the two tokens are the digits of one
                "second": 1,  # a wide step is of the second token of its pair
                "first": 1,  # of the inner tiles
                "last": 1,
                "bank": 1,
                "pair": range(max(2, self.pairs)),
                "up": range(max(2, len(self.ups))),
            }
        )


class Foot(wiring.Component):
    """``sum[token][output] += step << up``, in a memory word per token.

    Wide steps add ``lower + 16 * upper`` to one token, others add to both of a pair.  The sums of
    the last inner tile go to the results, of which there are two banks: one is read while the
    other is filled.

    Latency: ``control`` comes a cycle before ``sums``; a result can be read from the fourth cycle
    after ``control`` on, and a step of the same tokens may follow from then on.  Throughput: a
    step per cycle.

    Parameters
    ----------
    shape : FootShape

    Members
    -------
    control : ``In(shape.layout())``
    sums : ``In``
        Of one column of the grid.
    address : ``In``
        Bank and pair of results, the bank in the upper bit.
    results : ``Out(tokens * outputs * acc_bits)``
        Of the pair, a cycle later: the first token's outputs in the low bits.
    """

    READ = 4
    """Cycles from ``control`` until its results can be read."""

    def __init__(self, shape):
        self.shape = shape
        self.word = OUTPUTS * shape.acc_bits
        super().__init__(
            {
                "control": In(shape.layout()),
                "sums": In(TOKENS * OUTPUTS * shape.sum_bits),
                "address": In(range(2 * shape.pairs)),
                "results": Out(TOKENS * self.word),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        stages = [self.control]
        for k in range(3):
            later = Signal(shape.layout(), name=f"control_{k + 1}")
            m.d.sync += later.eq(stages[-1])
            stages.append(later)
        joined = self._join(m, stages[1])
        results = []
        for token in range(TOKENS):
            sums = Memory(shape=unsigned(self.word), depth=max(2, shape.pairs), init=[])
            done = Memory(shape=unsigned(self.word), depth=max(2, 2 * shape.pairs), init=[])
            m.submodules[f"sums_{token}"], m.submodules[f"results_{token}"] = sums, done
            reader, writer = sums.read_port(), sums.write_port()
            old = Signal(self.word, name=f"old_{token}", reset_less=True)
            new = Signal(self.word, name=f"new_{token}", reset_less=True)
            m.d.comb += [reader.en.eq(1), reader.addr.eq(stages[0].pair)]
            m.d.sync += old.eq(reader.data)
            for o in range(OUTPUTS):
                m.d.sync += new.word_select(o, shape.acc_bits).eq(
                    Mux(stages[2].first, 0, old.word_select(o, shape.acc_bits).as_signed())
                    + self._raised(m, stages[2], joined[token][o])
                )
            now = stages[3]
            mine = now.step & (~now.wide | (now.second if token else ~now.second))
            copy, fetch = done.write_port(), done.read_port()
            m.d.comb += [
                writer.en.eq(mine & ~now.last),
                writer.addr.eq(now.pair),
                writer.data.eq(new),
                copy.en.eq(mine & now.last),
                copy.addr.eq(now.pair + Mux(now.bank, shape.pairs, 0)),
                copy.data.eq(new),
                fetch.en.eq(1),
                fetch.addr.eq(self.address),
            ]
            results.append(fetch.data)
        m.d.comb += self.results.eq(Cat(results))
        return m

    def _join(self, m, control):
        """Return what joins each token's sums, a cycle later."""
        bits = self.shape.sum_bits
        wide = signed(bits + 5)
        joined = [[], []]
        for o in range(OUTPUTS):
            lower, upper = (
                self.sums.word_select(o * TOKENS + token, bits).as_signed()
                for token in range(TOKENS)
            )
            first, second = (
                Signal(wide, name=f"joined_{token}_{o}", reset_less=True) for token in range(2)
            )
            both = Signal(wide, name=f"both_{o}")
            gated = (upper.as_unsigned() & control.wide.replicate(bits)).as_signed()
            m.d.comb += both.eq(lower + (gated << 4))
            m.d.sync += [first.eq(both), second.eq(Mux(control.wide, both, upper))]
            joined[0].append(first)
            joined[1].append(second)
        return joined

    def _raised(self, m, control, value):
        """Return the value in steps of the sum."""
        ups = self.shape.ups
        raised = value << ups[0]
        for index, up in enumerate(ups[1:], start=1):
            raised = Mux(control.up == index, value << up, raised)
        return raised
