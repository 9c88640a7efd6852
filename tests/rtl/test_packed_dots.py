"""Packed dot products equal plain ones, for every pair of widths and in the core."""

import itertools
import random

import pytest

from rtl_templates.arith.tree import tree_depth
from rtl_templates.packing.forms import matrix_form, vector_form
from rtl_templates.packing.lanes import Range
from rtl_templates.packing.pack import digits
from rtl_templates.packing.packed_dots import PackedDots
from support.streams import bench_of

PORTS = ((16, 16), (18, 18), (25, 18), (27, 18))
WIDTHS = range(2, 9)
S4, NARROW4, U4 = Range.signed(4), Range.signed(4, narrow=True), Range.unsigned(4)


def _ranges(bits, narrow):
    return Range.signed(bits, narrow=narrow)


def _split(form, a, numbers):
    return form.lanes.split(a * sum(w << (k * form.lanes.pitch) for k, w in enumerate(numbers)))


@pytest.mark.parametrize("ports", PORTS)
def test_the_best_form_is_exact_and_no_larger_one_is(ports):
    rng = random.Random(1)
    for a_bits, w_bits in itertools.product(WIDTHS, WIDTHS):
        for is_signed, narrow in itertools.product((False, True), (False, True)):
            a = Range.signed(a_bits) if is_signed else Range.unsigned(a_bits)
            w = Range.signed(w_bits, narrow=narrow)
            form = vector_form(a, w, ports, 16)
            count = form.counts[1] if form else 1
            larger = vector_form(a, w, ports, count + 1)
            assert larger is None or larger.counts[1] == count
            for pitch in range(3, 32):  # an exact form of more weights fits no port
                try:
                    wider = matrix_form(a, w, (1, count + 1), pitch)
                except ValueError:
                    continue
                assert not wider.fits(ports)
            if form is None:
                continue
            assert form.fits(ports)
            corners = [w.low, w.high, 0, -1, 1]
            for _ in range(30):
                x = rng.choice([a.low, a.high, rng.randint(a.low, a.high)])
                row = [rng.choice([*corners, rng.randint(w.low, w.high)]) for _ in range(count)]
                assert _split(form, x, row) == [x * number for number in row]


@pytest.mark.parametrize(
    ("a", "w", "ports", "count"),
    [
        (S4, NARROW4, (18, 18), 3),
        (S4, S4, (18, 18), 2),
        (U4, S4, (18, 18), 2),
        (Range.signed(8), S4, (18, 18), 2),
        (S4, NARROW4, (25, 18), 4),
        (S4, S4, (25, 18), 3),
        (S4, S4, (27, 18), 4),
        (Range.signed(8), S4, (27, 18), 3),
        (Range.unsigned(8), NARROW4, (27, 18), 2),
        (Range.signed(2), Range.signed(2, narrow=True), (18, 18), 6),
        (Range.signed(8), Range.signed(8), (18, 18), 1),
    ],
)
def test_weights_per_multiplier(a, w, ports, count):
    form = vector_form(a, w, ports, 16)
    assert (form.counts[1] if form else 1) == count


def test_all_products_of_two_bits():
    a, w = Range.unsigned(2), Range.signed(2)
    form = vector_form(a, w, (16, 16), 4)
    assert form.counts == (1, 4)
    for x in range(4):
        for row in itertools.product(range(-2, 2), repeat=4):
            assert _split(form, x, row) == [x * number for number in row]


CASES = [
    (S4, NARROW4, (18, 18), 7, 5),
    (S4, S4, (27, 18), 9, 6),  # asymmetric lanes: a comparison tells the sign
    (U4, S4, (18, 18), 3, 17),
    (Range.signed(8), NARROW4, (27, 18), 4, 1),
    (Range(-3, 9), Range(-5, 2), (18, 18), 4, 4),
    (Range.signed(2), Range.signed(3), (25, 18), 6, 3),
    (Range.unsigned(6), Range.signed(3, narrow=True), (25, 18), 5, 64),
]


@pytest.mark.parametrize(("a", "w", "ports", "rows", "terms"), CASES)
def test_hardware_adds_up(a, w, ports, rows, terms):
    form = vector_form(a, w, ports, rows)
    count, pitch = form.counts[1], form.lanes.pitch
    bits = Range(w.low - 1, w.high).bits
    dut = PackedDots(form, rows, terms, bits)
    assert dut.latency == 1 + tree_depth(terms)
    rng = random.Random(3)

    def draw(numbers, corners):
        low, high = numbers.low, numbers.high
        return rng.choice((low, high)) if corners else rng.randint(low, high)

    async def body(ctx, reset):
        wanted = []
        for step in range(60):
            x = [draw(a, step % 3 == 0) for _ in range(terms)]
            weights = [[draw(w, step % 2 == 0) for _ in range(terms)] for _ in range(rows)]
            if step == 0:  # the largest sums
                x, weights = [a.low] * terms, [[w.low] * terms] * rows
            wanted.append([sum(map(int.__mul__, x, row)) for row in weights])
            stored = [[0] * terms for _ in range(rows)]
            for start in range(0, rows, count):
                for term in range(terms):
                    column = [row[term] for row in weights[start : start + count]]
                    for k, digit in enumerate(digits(column, pitch)):
                        stored[start + k][term] = digit
            ctx.set(dut.x, _word(x, a.bits))
            ctx.set(dut.w, _word([d for row in stored for d in row], bits))
            if step >= dut.latency:
                assert _results(ctx, dut) == wanted[step - dut.latency]
            await ctx.tick()

    bench_of(dut, body)


def _word(numbers, width):
    return sum((number & ((1 << width) - 1)) << (k * width) for k, number in enumerate(numbers))


def _results(ctx, dut):
    word, carries, found = ctx.get(dut.o), ctx.get(dut.carry), []
    for row, width in enumerate(dut.widths):
        value = word & ((1 << width) - 1)
        found.append(value - (value >> (width - 1) << width) + (carries >> row & 1))
        word >>= width
    return found
