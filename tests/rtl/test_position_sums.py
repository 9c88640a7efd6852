"""Packed dot products of several positions equal plain ones, for many codes, rows and terms."""

import itertools
import random

import pytest

from rtl_templates.arith.tree import tree_depth
from rtl_templates.packing.forms import packed_blocks, position_weights
from rtl_templates.packing.lanes import Range
from rtl_templates.packing.pack import digits
from rtl_templates.packing.position_sums import PositionSums
from support.prove import mutant
from support.streams import bench_of

S4, NARROW4, U4 = Range.signed(4), Range.signed(4, narrow=True), Range.unsigned(4)


@pytest.mark.parametrize(
    ("a", "w", "ports", "counts"),
    [
        (S4, NARROW4, (18, 18), (2, 2)),
        (S4, NARROW4, (27, 18), (2, 3)),
        (NARROW4, NARROW4, (25, 18), (2, 3)),
        (NARROW4, NARROW4, (25, 18), (3, 2)),
        (U4, S4, (27, 18), (2, 2)),
        (Range.signed(2), Range.signed(2, narrow=True), (18, 18), (3, 2)),
    ],
)
def test_weights_per_multiplier(a, w, ports, counts):
    form = position_weights(a, w, ports, counts[0], 8)
    assert form.counts == counts
    rng = random.Random(1)
    ends = [(a.low, a.high), (w.low, w.high)]
    for step in range(300):
        numbers, weights = (
            [rng.choice(pair) if step < 100 else rng.randint(*pair) for _ in range(count)]
            for pair, count in zip(ends, counts, strict=True)
        )
        wide = sum(x << (k * form.strides[0]) for k, x in enumerate(numbers))
        wide *= sum(x << (k * form.strides[1]) for k, x in enumerate(weights))
        found = form.lanes.split(wide)
        for (i, x), (j, weight) in itertools.product(enumerate(numbers), enumerate(weights)):
            assert found[form.lane(i, j)] == x * weight


def test_no_form_for_more_than_a_multiplier_holds():
    assert position_weights(Range.signed(8), Range.signed(8), (18, 18), 2, 8) is None


def test_a_row_alone_takes_no_multiplier_for_three():
    assert packed_blocks(7, 3) == ([3, 3], 1)
    assert packed_blocks(5, 2) == ([2, 2, 1], 0)  # half of a multiplier
    assert packed_blocks(1, 3) == ([1], 0)


CASES = [  # codes, weights, ports, positions, rows, terms
    (S4, NARROW4, (27, 18), 2, 7, 5),  # one row in lookup tables
    (S4, NARROW4, (18, 18), 2, 4, 4),
    (S4, S4, (27, 18), 2, 5, 3),  # asymmetric lanes: a comparison tells the sign
    (S4, NARROW4, (27, 18), 2, 5, 2),  # a block with two of three weights
    (U4, NARROW4, (27, 18), 2, 4, 6),
    (Range(-3, 9), Range(-5, 2), (27, 18), 3, 3, 2),
    (Range.unsigned(2), Range.signed(2), (27, 18), 3, 4, 1),
]


def sums(kind, a, w, ports, positions, rows, terms):
    """Return what a component yields, and what it should, for the same random operands."""
    form = position_weights(a, w, ports, positions, rows)
    bits = Range(w.low - 1, w.high).bits
    dut, rng = kind(form, rows, terms, bits), random.Random(3)
    found, wanted = [], []

    def draw(numbers, corners):
        ends = numbers.low, numbers.high
        return rng.choice(ends) if corners else rng.randint(*ends)

    async def body(ctx, reset):
        for step in range(40):
            x = [[draw(a, step % 3 == 0) for _ in range(positions)] for _ in range(terms)]
            weights = [[draw(w, step % 2 == 0) for _ in range(terms)] for _ in range(rows)]
            wanted.append(
                [
                    sum(x[e][p] * weights[k][e] for e in range(terms))
                    for k in range(rows)
                    for p in range(positions)
                ]
            )
            stored = [[0] * terms for _ in range(rows)]
            for start in range(0, rows, form.counts[1]):
                for term in range(terms):
                    column = [row[term] for row in weights[start : start + form.counts[1]]]
                    for k, digit in enumerate(digits(column, form.lanes.pitch)):
                        stored[start + k][term] = digit
            ctx.set(dut.x, _word([number for term in x for number in term], a.bits))
            ctx.set(dut.w, _word([digit for row in stored for digit in row], bits))
            if step >= dut.latency:
                found.append(_results(ctx, dut))
            await ctx.tick()

    bench_of(dut, body)
    assert dut.latency == PositionSums.STAGES + tree_depth(terms)
    return found, wanted[: len(found)]


@pytest.mark.parametrize("case", CASES)
def test_hardware_adds_up(case):
    found, wanted = sums(PositionSums, *case)
    assert found == wanted


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lane = form.lane(p, k)", "lane = form.lane(p, 0)"),
        ("self.latency - dots.latency", "self.latency - dots.latency - 1"),
    ],
)
def test_planted_bugs_are_found(old, new):
    found, wanted = sums(mutant(PositionSums, old, new), *CASES[0])
    assert found != wanted


def _word(numbers, width):
    return sum((number & ((1 << width) - 1)) << (k * width) for k, number in enumerate(numbers))


def _results(ctx, dut):
    word, carries, found = ctx.get(dut.o), ctx.get(dut.carry), []
    width = dut.widths[0]
    for place in range(dut.rows * dut.positions):
        value = word & ((1 << width) - 1)
        found.append(value - (value >> (width - 1) << width) + (carries >> place & 1))
        word >>= width
    return found
