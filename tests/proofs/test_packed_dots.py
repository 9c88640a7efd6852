# amaranth: UnusedElaboratable=no
"""Packed dot products equal plain ones for all operands; planted bugs are found."""

import pytest
from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Signal, signed, unsigned

from rtl_templates.arith.dot_product import DotProduct
from rtl_templates.arith.tree import carry_tree
from rtl_templates.packing import packed_dots
from rtl_templates.packing.forms import vector_form
from rtl_templates.packing.lanes import Range
from support.prove import mutant, prove

CASES = {
    "w3a3": (vector_form(Range.signed(3), Range.signed(3, narrow=True), (16, 16), 3), 3, 2),
    "w3a3_full": (vector_form(Range.signed(3), Range.signed(3), (14, 14), 2), 2, 2),
    "w4a4": (vector_form(Range.signed(4), Range.signed(4, narrow=True), (18, 18), 3), 3, 1),
    "two_levels": (vector_form(Range.unsigned(1), Range.signed(2, narrow=True), (8, 8), 2), 2, 5),
}


def _shape(operand):
    return (signed if operand.is_signed else unsigned)(operand.bits)


class DotsHarness(Elaboratable):
    """The same operands in plain dot products and, their weights as digits, in packed ones."""

    def __init__(self, form, rows, terms, dots_type=packed_dots.PackedDots):
        self.form = form
        self.rows = rows
        self.terms = terms
        self.digit_bits = Range(form.w.low - 1, form.w.high).bits
        self.dots = dots_type(form, rows, terms, self.digit_bits)
        self.x = Signal(terms * form.a.bits)
        self.w = Signal(rows * terms * form.w.bits)
        self.inputs = [self.x, self.w]

    def elaborate(self, platform):
        m = Module()
        form, dots = self.form, self.dots
        m.submodules.dots = dots
        m.d.comb += dots.x.eq(self.x)
        numbers = [
            self.w.word_select(k, form.w.bits).as_signed() for k in range(self.rows * self.terms)
        ]
        for number in numbers:
            m.d.comb += [Assume(number >= form.w.low), Assume(number <= form.w.high)]
        digits, borrows = [], [0] * self.terms
        for place, number in enumerate(numbers):
            digit = (number - borrows[place % self.terms])[: self.digit_bits]
            borrows[place % self.terms] = digit[-1]
            digits.append(digit)
        m.d.comb += dots.w.eq(Cat(digits))
        start = 0
        for row, width in enumerate(dots.widths):
            plain = DotProduct(self.terms, _shape(form.a), form.w.bits)
            m.submodules[f"plain_{row}"] = plain
            some = numbers[row * self.terms : (row + 1) * self.terms]
            m.d.comb += [plain.x.eq(self.x), plain.w.eq(Cat(some))]
            total = dots.o[start : start + width].as_signed()
            m.d.comb += Assert(total + dots.carry[row] == plain.o)
            start += width
        return m


@pytest.mark.parametrize("name", CASES)
def test_proved(name, tmp_path):
    assert prove(DotsHarness(*CASES[name]), tmp_path) == "PASS"


BUGS = {
    "digit_not_extended": ("self.w_bits).as_signed()", "self.w_bits)"),
    "carry_of_the_next_lane": ("decode.carries[lane] if lane", "decode.carries[lane - 1] if lane"),
}


@pytest.mark.parametrize(("old", "new"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(old, new, tmp_path):
    wrong = mutant(packed_dots.PackedDots, old, new)
    assert prove(DotsHarness(*CASES["w3a3"], dots_type=wrong), tmp_path) == "FAIL"


TREE_BUGS = {
    "carry_lost": (
        "total, carry = add_with_carry(total, value, carry), more",
        "total = add_with_carry(total, value, carry)",
    ),
    "left_carry_now": ("following.append((part, left))", "following.append((part, carry))"),
}


@pytest.mark.parametrize(("old", "new"), TREE_BUGS.values(), ids=TREE_BUGS)
def test_a_planted_bug_in_the_tree_is_found(old, new, tmp_path, monkeypatch):
    monkeypatch.setattr(packed_dots, "carry_tree", mutant(carry_tree, old, new))
    assert prove(DotsHarness(*CASES["w3a3"]), tmp_path) == "FAIL"
