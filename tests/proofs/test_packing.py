# amaranth: UnusedElaboratable=no
"""The packed multiplier equals plain products for all operands; planted bugs are found."""

import itertools

import pytest
from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Signal, signed

from rtl_templates.packing import decode, pack
from rtl_templates.packing.forms import W4A4, WIDER, convolution_form
from rtl_templates.packing.lanes import Range
from support.prove import mutant, prove

POLYNOMIALS = {
    "polynomial_s2": convolution_form(Range.signed(2), Range.signed(2), (3, 3), 3, (1, 2, 2, 2)),
    "polynomial_u2": convolution_form(Range.unsigned(2), Range.signed(2), (2, 3), 4, (0, 1, 1)),
    "polynomial_u3": convolution_form(Range.unsigned(3), Range.signed(2), (2, 2), 4, (1, 2)),
}
"""Small ones, with lanes that take more than one from those above, and up to two known low bits."""

FORMS = W4A4 | WIDER | POLYNOMIALS
SMALL = (
    *("matrix_18x18", "matrix_18x18_full", "matrix_16x16", "vector_18x18", "u4_18x18"),
    *POLYNOMIALS,
)


class PackingHarness(Elaboratable):
    """All operands in their ranges, the wide product, and each product by itself."""

    def __init__(self, form, pack_type=pack.Pack, decode_type=decode.Decode):
        self.form = form
        self.pack_type = pack_type
        self.decode = decode_type(form.lanes)
        self.a = Signal(form.counts[0] * form.a.bits)
        self.w = Signal(form.counts[1] * form.w.bits)
        self.inputs = [self.a, self.w]

    def elaborate(self, platform):
        m = Module()
        form, numbers, ports = self.form, [], []
        known = form.lanes.known
        for name, source, operand, count, stride in zip(
            "aw", (self.a, self.w), (form.a, form.w), form.counts, form.strides, strict=True
        ):
            m.submodules[name] = unit = self.pack_type(operand, count, stride)
            m.d.comb += unit.i.eq(source)
            ports.append(unit.o)
            numbers.append(
                [source.word_select(k, operand.bits).as_signed() for k in range(count)]
                if operand.is_signed
                else [source.word_select(k, operand.bits) for k in range(count)]
            )
            for number in numbers[-1]:
                m.d.comb += [Assume(number >= operand.low), Assume(number <= operand.high)]
        values = [0] * len(form.lanes.ranges)
        for i, j in itertools.product(range(form.counts[0]), range(form.counts[1])):
            lane = form.lane(i, j)
            values[lane] = values[lane] + numbers[0][i] * numbers[1][j]
        lows = [
            Cat(value, *[value[-1]] * known)[:known] if form.lanes.overlap(lane) else 0
            for lane, value in enumerate(values[1:])
        ]
        m.submodules.decode = unit = self.decode
        m.d.comb += [
            unit.product.eq(ports[0] * ports[1]),
            unit.lows.eq(Cat(Signal(known) if isinstance(low, int) else low for low in lows)),
        ]
        start = 0
        for lane, (width, value) in enumerate(zip(unit.widths, values, strict=True)):
            field = Signal(signed(width), name=f"field_{lane}")
            m.d.comb += [
                field.eq(unit.fields[start : start + width]),
                Assert(field + unit.carries[lane] == value),
            ]
            start += width
        return m


@pytest.mark.parametrize("name", SMALL)
def test_proved(name, tmp_path):
    assert prove(PackingHarness(FORMS[name]), tmp_path) == "PASS"


BUGS = {
    "borrow_forgotten": ("pack", "matrix_18x18", "number - borrow", "number"),
    "carry_forgotten": ("decode", "matrix_18x18", "carry = field[-1]", "carry = field[0]"),
    "sums_borrow_forgotten": ("decode", "polynomial_s2", "value = field + carry", "value = field"),
    "low_bit_forgotten": (
        "decode",
        "matrix_16x16",
        "(bits[lanes.pitch :] - low)[:overlap]",
        "bits[lanes.pitch :]",
    ),
    "threshold_forgotten": (
        "decode",
        "matrix_18x18_full",
        "code >= threshold",
        "code[-1]",
    ),
}


@pytest.mark.parametrize(("part", "name", "old", "new"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(part, name, old, new, tmp_path):
    types = {"pack_type": pack.Pack, "decode_type": decode.Decode}
    types[f"{part}_type"] = mutant(types[f"{part}_type"], old, new)
    assert prove(PackingHarness(FORMS[name], **types), tmp_path) == "FAIL"
