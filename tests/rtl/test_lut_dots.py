"""Dot products in lookup tables equal plain ones."""

import itertools
import random

import pytest
from amaranth.hdl import signed, unsigned

from rtl_templates.arith.lut_dots import LutDots
from rtl_templates.arith.tree import tree_depth
from support.streams import bench_of


def _bits(numbers, width):
    return sum((number & ((1 << width) - 1)) << (k * width) for k, number in enumerate(numbers))


def _sums(ctx, dut):
    word, half = ctx.get(dut.o), 1 << (dut.sum_bits - 1)
    codes = [word >> (k * dut.sum_bits) & (2 * half - 1) for k in range(dut.rows)]
    return [(code ^ half) - half for code in codes]


def _limits(shape):
    low = -(1 << (shape.width - 1)) if shape.signed else 0
    return range(low, low + (1 << shape.width))


@pytest.mark.parametrize("w_bits", [2, 3, 4, 5])
@pytest.mark.parametrize("x", [signed(4), unsigned(3)], ids=str)
def test_all_products(x, w_bits):
    dut = LutDots(1, 1, x, w_bits)
    pairs = list(itertools.product(_limits(x), _limits(signed(w_bits))))

    async def body(ctx, reset):
        for number, weight in pairs:
            ctx.set(dut.x, _bits([number], x.width))
            ctx.set(dut.w, _bits([weight], w_bits))
            await ctx.tick()
            assert _sums(ctx, dut) == [number * weight]

    bench_of(dut, body)


@pytest.mark.parametrize(
    ("rows", "terms", "x", "w_bits"),
    [
        (3, 5, signed(8), 4),
        (2, 17, unsigned(8), 8),
        (5, 1, signed(2), 7),
        (1, 4, unsigned(1), 6),
        (2, 2, signed(9), 16),
    ],
)
def test_sums_of_corners_and_random_codes(rows, terms, x, w_bits):
    dut, rng = LutDots(rows, terms, x, w_bits), random.Random(1)
    assert dut.latency == 1 + tree_depth(terms)

    def draw(shape, step):
        codes = _limits(shape)
        return codes[rng.choice((0, -1))] if step % 3 == 0 else rng.choice(codes)

    async def body(ctx, reset):
        wanted = []
        for step in range(60):
            numbers = [draw(x, step) for _ in range(terms)]
            weights = [[draw(signed(w_bits), step) for _ in range(terms)] for _ in range(rows)]
            wanted.append([sum(map(int.__mul__, numbers, row)) for row in weights])
            ctx.set(dut.x, _bits(numbers, x.width))
            ctx.set(dut.w, _bits([w for row in weights for w in row], w_bits))
            if step >= dut.latency:
                assert _sums(ctx, dut) == wanted[step - dut.latency]
            await ctx.tick()

    bench_of(dut, body)
