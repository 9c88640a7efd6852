"""The clipped sequence that a mover's window bounds are made of."""

import random

import pytest

from rtl_templates.memory.ramp import Ramp
from support.streams import bench_of


@pytest.mark.parametrize("seed", range(12))
def test_ramp_follows_its_formula(seed):
    rng = random.Random(seed)
    count, start, step = rng.randint(1, 6), rng.randint(-9, 9), rng.randint(0, 7)
    low = rng.randint(-3, 3)
    high = low + rng.randint(0, 20)
    last = rng.choice([None, high])
    dut = Ramp(count=count, start=start, step=step, low=low, high=high, last=last)

    def value(i):
        return (
            last if last is not None and i == count - 1 else min(max(start + i * step, low), high)
        )

    async def body(ctx, reset):
        for length in (rng.randint(1, 8), 40):  # the second time after a reset in mid-run
            i = 0
            for _ in range(length):
                assert ctx.get(dut.now) == value(i)
                assert ctx.get(dut.following) == value((i + 1) % count)
                advance = rng.random() < 0.6
                ctx.set(dut.advance, advance)
                i = (i + advance) % count
                await ctx.tick()
            ctx.set(dut.advance, 0)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    bench_of(dut, body)


def test_no_values_are_refused():
    with pytest.raises(ValueError, match="Count must be at least 1, not 0"):
        Ramp(count=0, start=0, step=1, low=0, high=3)
