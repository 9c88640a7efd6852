# amaranth: UnusedElaboratable=no
"""Packed dot products of several positions equal plain ones for all operands; bugs are found."""

import pytest
from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Signal

from rtl_templates.packing.forms import position_weights
from rtl_templates.packing.lanes import Range
from rtl_templates.packing.position_sums import PositionSums
from rtl_templates.streams.delay import delay
from support.prove import mutant, prove

NARROW2, NARROW3 = Range.signed(2, narrow=True), Range.signed(3, narrow=True)
CASES = {  # form, rows, terms
    "w3a3": (position_weights(Range.signed(3), NARROW3, (18, 18), 2, 2), 2, 1),
    # The fourth row is in lookup tables.
    "w2a2": (position_weights(Range.signed(2), NARROW2, (18, 18), 2, 3), 4, 1),
}


class PositionsHarness(Elaboratable):
    """The same operands in plain products and, the weights as digits, in packed ones."""

    def __init__(self, form, rows, terms, sums_type=PositionSums):
        self.form = form
        self.rows = rows
        self.terms = terms
        self.digit_bits = Range(form.w.low - 1, form.w.high).bits
        self.sums = sums_type(form, rows, terms, self.digit_bits)
        self.x = Signal(len(self.sums.x))
        self.w = Signal(rows * terms * form.w.bits)
        self.inputs = [self.x, self.w]

    def elaborate(self, platform):
        m = Module()
        form, sums, terms = self.form, self.sums, self.terms
        positions, share = form.counts
        m.submodules.sums = sums
        m.d.comb += sums.x.eq(self.x)
        weights = [self.w.word_select(k, form.w.bits).as_signed() for k in range(self.rows * terms)]
        for weight in weights:
            m.d.comb += [Assume(weight >= form.w.low), Assume(weight <= form.w.high)]
        digits = []
        for place, weight in enumerate(weights):
            row, term = divmod(place, terms)
            borrow = digits[(row - 1) * terms + term][-1] if row % share else 0
            digits.append((weight - borrow)[: self.digit_bits])
        m.d.comb += sums.w.eq(Cat(digits))
        numbers = [self.x.word_select(k, form.a.bits).as_signed() for k in range(terms * positions)]
        width = sums.widths[0]
        for row in range(self.rows):
            for p in range(positions):
                total = sum(
                    (numbers[e * positions + p] * weights[row * terms + e] for e in range(terms)),
                    start=0,
                )
                later = delay(m, total, sums.latency, f"plain_{row}_{p}")
                place = row * positions + p
                found = sums.o.word_select(place, width).as_signed() + sums.carry[place]
                m.d.comb += Assert(found == later)
        return m


@pytest.mark.parametrize("name", ["w2a2", pytest.param("w3a3", marks=pytest.mark.nightly)])
def test_proved(name, tmp_path):
    assert prove(PositionsHarness(*CASES[name]), tmp_path) == "PASS"


BUGS = {
    "carry_of_the_lane_below": ("decode.carries[lane] if lane", "decode.carries[lane - 1] if lane"),
    "digit_not_extended": ("self.w_bits).as_signed())", "self.w_bits))"),
}


@pytest.mark.parametrize(("old", "new"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(old, new, tmp_path):
    wrong = mutant(PositionSums, old, new)
    assert prove(PositionsHarness(*CASES["w3a3"], sums_type=wrong), tmp_path) == "FAIL"
