# amaranth: UnusedElaboratable=no
"""A tile of the array adds plain products, for all operands, weights and loads; bugs are found.

By induction over the rows: whatever sums of so many products come from above, the sums below are
those with one product more.  Every register of the tile is held against one of plain numbers.
"""

import pytest
from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Signal, signed

from rtl_templates.mac_array.multiplier import Multiplier
from rtl_templates.mac_array.tile import Tile, digit_bits, sum_bits
from rtl_templates.packing.forms import W4A4
from support.prove import INDUCTION, mutant, prove

FORM = W4A4["matrix_18x18"]
ROW = 3


class TileHarness(Elaboratable):
    """A tile, and the same with a plain product and accumulator per lane."""

    def __init__(self, tile_type=Tile, multiplier=Multiplier):
        self.tile = tile_type(FORM, ROW, multiplier)
        self.a = [Signal(signed(4), name=f"a_{k}") for k in range(2)]
        self.w = [Signal(signed(4), name=f"w_{k}") for k in range(2)]
        self.sums = [Signal(signed(sum_bits(FORM, ROW)), name=f"sum_{k}") for k in range(4)]
        self.swap, self.load = Signal(), Signal()
        self.inputs = [*self.a, *self.w, *self.sums, self.swap, self.load]

    def elaborate(self, platform):
        m = Module()
        m.submodules.tile = tile = self.tile
        m.d.comb += [tile.swap.eq(self.swap), tile.load.eq(self.load)]
        self._digits(m, tile.a, self.a, FORM.a)
        self._digits(m, tile.w, self.w, FORM.w)
        limit = (FORM.a * FORM.w).times(ROW)
        for lane, value in enumerate(self.sums):
            m.d.comb += [
                Assume(value >= limit.low),
                Assume(value <= limit.high),
                tile.sums.word_select(lane, len(value)).eq(value),
            ]
        for value in self.w:
            m.d.comb += Assume(value >= FORM.w.low)

        kept, used = (
            [Signal(signed(4), name=f"{name}_{k}", reset_less=True) for k in range(2)]
            for name in ("kept", "used")
        )
        with m.If(self.load):
            m.d.sync += [into.eq(value) for into, value in zip(kept, self.w, strict=True)]
        with m.If(self.swap):
            m.d.sync += [into.eq(value) for into, value in zip(used, kept, strict=True)]
        a = [self._later(m, value, f"ref_a_{k}") for k, value in enumerate(self.a)]
        operands = [
            [self._later(m, value, f"ref_operand_{k}") for k, value in enumerate(values)]
            for values in (a, used)
        ]
        wide = [0, 0]
        for lane in range(4):
            product = self._later(
                m, operands[0][lane % 2] * operands[1][lane // 2], f"ref_product_{lane}"
            )
            halfway = self._later(m, product, f"ref_halfway_{lane}")
            lane_range = FORM.lanes.ranges[lane]
            for value in (product, halfway):
                m.d.comb += [Assert(value >= lane_range.low), Assert(value <= lane_range.high)]
            wide = [s + (v << (7 * lane)) for s, v in zip(wide, (product, halfway), strict=True)]
            total = self._later(
                m, (self.sums[lane] + halfway)[: sum_bits(FORM, ROW + 1)], f"ref_sum_{lane}"
            ).as_signed()
            got = tile.sums_o.word_select(lane, len(total)).as_signed()
            m.d.comb += Assert(got == total)
        self._invariants(m, a, kept, used, operands, wide)
        return m

    def _invariants(self, m, a, kept, used, operands, wide):
        """Assert what makes the proof inductive: each register holds what the plain ones say."""
        multiplier = self.tile.multiplier
        m.d.comb += [
            Assert(multiplier.a == a[0] + (a[1] << 7)),
            Assert(multiplier.b == used[0] + (used[1] << 14)),
            Assert(multiplier.operands[0] == operands[0][0] + (operands[0][1] << 7)),
            Assert(multiplier.operands[1] == operands[1][0] + (operands[1][1] << 14)),
            Assert(self.tile.kept == Cat(kept[0], (kept[1] - (kept[0] < 0))[:4])),
            *(Assert(value >= FORM.w.low) for value in (*kept, *used, *operands[1])),
            Assert(multiplier.p == wide[0]),
            Assert(self.tile.decode.product.as_signed() == wide[1]),
        ]

    @staticmethod
    def _later(m, value, name):
        later = Signal(value.shape(), name=name, reset_less=True)
        m.d.sync += later.eq(value)
        return later

    @staticmethod
    def _digits(m, code, numbers, operand):
        """Bring numbers into digit form: the second one less the borrow of the first."""
        first, second = digit_bits(operand, 2)
        m.d.comb += [
            code[:first].eq(numbers[0]),
            code[first : first + second].eq(numbers[1] - (numbers[0] < 0)),
        ]


def test_a_tile_adds_plain_products(tmp_path):
    assert prove(TileHarness(), tmp_path, engine=INDUCTION, depth=1) == "PASS"


BUGS = {
    "swap_forgotten": ("with m.If(self.swap):", "with m.If(self.load):"),
    "carry_forgotten": ("Cat(carry, field)", "Cat(0, field)"),
    "load_forgotten": ("with m.If(self.load):", "with m.If(self.swap):"),
    "sums_too_narrow": (
        "sum_bits(self.form, self.row + 1)\n",
        "sum_bits(self.form, self.row + 1) - 1\n",
    ),
}


@pytest.mark.parametrize(
    "bug",
    ["swap_forgotten", *(pytest.param(b, marks=pytest.mark.nightly) for b in [*BUGS][1:])],
)
def test_a_planted_bug_is_found(bug, tmp_path):
    old, new = BUGS[bug]
    harness = TileHarness(mutant(Tile, old, new))
    assert prove(harness, tmp_path) == "FAIL"
