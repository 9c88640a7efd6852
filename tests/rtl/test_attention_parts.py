"""What a lane is made of, part by part: results in the very cycle that the docstring promises."""

import random

import numpy as np
import pytest

from hwgen.ops.tile_exponent import TABLE, logits, numerators
from hwgen.ops.work import Attend
from rtl_templates.attention import exp2
from rtl_templates.attention.exp2 import Exp2
from rtl_templates.attention.reciprocal import Reciprocal
from rtl_templates.attention.score import ScoreScale
from support.lane_calls import lane_task
from support.streams import bench_of

ONE = Attend(queries=1, keys=8, heads=1, kv_heads=1, inner=8, features=8, tile=8)


def test_the_table_is_that_of_the_golden_model():
    assert TABLE.tolist() == list(exp2.TABLE)


def test_reciprocal():
    rng = random.Random(1)
    edges = [1, 2, 3, (1 << 23) - 1, 1 << 23, (1 << 23) + 1, (1 << 24) - 1]
    powers = [(1 << k) + d for k in range(2, 23) for d in (-1, 0, 1)]
    dut = Reciprocal()

    async def body(ctx, reset):
        for x in edges + powers + [rng.randrange(1, 1 << rng.randrange(1, 25)) for _ in range(40)]:
            ctx.set(dut.x, x)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.x, 0)
            for _ in range(dut.LATENCY - 1):
                await ctx.tick()
            log = x.bit_length() - 1
            assert (ctx.get(dut.log), ctx.get(dut.reciprocal)) == (log, (1 << (log + 17)) // x)
        for _ in range(5):
            await ctx.tick()
        assert ctx.get(dut.reciprocal) == (1 << (log + 17)) // x  # it stays

    bench_of(dut, body)


@pytest.mark.parametrize("lowered", [False, True])
def test_exp2(lowered):
    """Every distance that counts and some that do not, near and at the limits of logarithms."""
    rng = np.random.default_rng(2)
    exponent = np.concatenate(
        [np.full(700, 3), np.full(700, -2040), rng.integers(-2040, 2047, 300)]
    )
    below = np.concatenate([np.arange(700), np.arange(700), rng.integers(0, 5000, 300)])
    y = np.maximum((exponent << 6) - below, -131008)
    seen = rng.random(len(y)) < 0.95
    less = rng.integers(0, 269, len(y)) if lowered else np.zeros(len(y), np.int64)
    want = [
        int(numerators(np.array([log - drop]), np.int64(m), np.array([sees]))[0])
        for log, drop, m, sees in zip(y, less, exponent, seen, strict=True)
    ]
    dut = Exp2(lowers=lowered)

    async def body(ctx, reset):
        for k in range(len(y) + dut.LATENCY):
            if k >= dut.LATENCY:
                assert ctx.get(dut.p) == want[k - dut.LATENCY], k - dut.LATENCY
            if k < len(y):
                octave = -(-int(y[k]) >> 6)
                ctx.set(dut.octave, octave if seen[k] else -2048)
                ctx.set(dut.below, 63 - (64 * octave - int(y[k])))
                ctx.set(dut.exponent, int(exponent[k]))
                if lowered:
                    ctx.set(dut.lowered, int(less[k]))
            await ctx.tick()

    bench_of(dut, body)


@pytest.mark.parametrize(("multiplier", "shift"), [(65535, 20), (32768, 0), (1, 1), (40001, 33)])
def test_score_scale(multiplier, shift):
    rng = np.random.default_rng(shift)
    scores = rng.integers(-(1 << 23), 1 << 23, 300)
    scores[::3] >>= rng.integers(0, 23, 100)
    scores[:4] = -(1 << 23), (1 << 23) - 1, 0, -1
    seen = rng.random(300) < 0.9
    y = logits(scores, multiplier, shift)
    plain = (scores * multiplier + ((1 << shift) >> 1)) >> shift
    dut = ScoreScale(24, [lane_task(ONE, multiplier=multiplier, shift=shift)])

    async def body(ctx, reset):
        for k in range(300 + dut.LATENCY):
            if k >= dut.LATENCY:
                n = k - dut.LATENCY
                octave, below = ctx.get(dut.octave), ctx.get(dut.below)
                assert ctx.get(dut.clamped) == (seen[n] and plain[n] != y[n])
                if seen[n]:
                    assert 64 * octave - (63 - below) == y[n]
                else:
                    assert octave == -2048
            if k < 300:
                ctx.set(dut.s, int(scores[k]))
            if 0 <= k - 2 < 300:
                ctx.set(dut.seen, bool(seen[k - 2]))
            await ctx.tick()

    bench_of(dut, body)
