"""Width changes: order, pace, and the stream rule under stalls."""

import random

import pytest

from rtl_templates.streams.gearbox import Gearbox
from support.streams import bench_of

WIDTHS = [(8, 8), (4, 16), (4, 8), (16, 4), (8, 4), (12, 4)]


@pytest.mark.parametrize("stalled", [False, True], ids=["free", "stalled"])
@pytest.mark.parametrize(("i_bits", "o_bits"), WIDTHS)
def test_bits_keep_their_order(i_bits, o_bits, stalled):
    rng = random.Random(i_bits * o_bits)
    dut = Gearbox(i_bits, o_bits)
    total = 60 * max(i_bits, o_bits)
    words = [rng.randrange(1 << i_bits) for _ in range(total // i_bits)]
    whole = sum(word << (k * i_bits) for k, word in enumerate(words))
    expected = [whole >> (k * o_bits) & ((1 << o_bits) - 1) for k in range(total // o_bits)]

    async def body(ctx, reset):
        got, sent, cycle, offered = [], 0, 0, None
        while len(got) < len(expected):
            offers = sent < len(words) and (
                not stalled or ctx.get(dut.i.valid) or rng.random() < 0.6
            )
            takes = not stalled or rng.random() < 0.5
            ctx.set(dut.i.valid, offers)
            ctx.set(dut.i.payload, words[min(sent, len(words) - 1)])
            ctx.set(dut.o.ready, takes)
            if offered is not None:
                assert ctx.get(dut.o.valid)
                assert ctx.get(dut.o.payload) == offered
            offered = None
            if ctx.get(dut.o.valid):
                if takes:
                    got.append(ctx.get(dut.o.payload))
                else:
                    offered = ctx.get(dut.o.payload)
            moved = offers and ctx.get(dut.i.ready)
            sent += moved
            cycle += 1
            await ctx.tick()
            if moved:
                ctx.set(dut.i.valid, 0)
        assert got == expected
        if not stalled:  # the narrow side moves in every cycle
            assert cycle == total // min(i_bits, o_bits) + (i_bits < o_bits)

    bench_of(dut, body)


def test_widths_must_divide():
    with pytest.raises(ValueError, match="12 and 8 bits"):
        Gearbox(12, 8)
