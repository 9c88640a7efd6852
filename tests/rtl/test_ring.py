"""Where a cache's rows go, and how many tokens it has seen, against a list of slots."""

import random

import pytest

from rtl_templates.memory.ring import RingWriter, SizeWriter, TokenCount
from support.streams import bench_of

RINGS = [
    # slots, pinned, start, tokens, restarts
    (12, 0, 0, 3, True),
    (4, 0, 0, 4, True),
    (5, 0, 0, 1, False),
    (7, 0, 0, 3, False),
    (13, 3, 8, 2, False),
    (12, 4, 4, 4, False),
]


class Slots:
    """A cache as a list: which token lies in which slot."""

    def __init__(self, slots, pinned, start, tokens, restarts):
        self.slots, self.pinned, self.start = slots, pinned, start
        self.tokens, self.restarts = tokens, restarts
        self.content = [None] * slots
        self.seen = 0
        self.emptied = False

    def tensor(self):
        """Store the tokens of a tensor; return their slots."""
        found = []
        for token in range(self.seen, self.seen + self.tokens):
            slot = token
            if not self.restarts and token >= self.pinned:
                slot = self.start + (token - self.pinned) % (self.slots - self.start)
            self.content[slot] = token
            found.append(slot)
        self.seen += self.tokens
        return found


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize(("row", "lanes"), [(6, 2), (4, 4), (3, 1)])
def test_rows_go_where_they_belong(ring, row, lanes):
    slots, pinned, start, tokens, restarts = ring
    rng = random.Random(repr(ring))
    dut = RingWriter(slots=slots, pinned=pinned, start=start, row=row, lanes=lanes)

    async def body(ctx, reset):
        for turn in range(3):
            model = Slots(*ring)
            for _ in range(4 * slots // tokens):
                if restarts and model.seen == slots:
                    model.seen = 0
                for slot in model.tensor():
                    for beat in range(row // lanes):
                        await ctx.tick().repeat(1 + rng.randint(0, 1))
                        assert ctx.get(dut.offset) == slot * row + beat * lanes
                        ctx.set(dut.push, 1)
                        await ctx.tick()
                        ctx.set(dut.push, 0)
            ctx.set(reset if turn else dut.clear, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            ctx.set(dut.clear, 0)

    bench_of(dut, body)


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("heads", [1, 3])
def test_sizes_go_to_their_head_and_slot(ring, heads):
    slots, pinned, start, tokens, restarts = ring
    pitch = slots + 5
    dut = SizeWriter(slots=slots, pinned=pinned, start=start, heads=heads, pitch=pitch)

    async def body(ctx, reset):
        for turn in range(3):
            model = Slots(*ring)
            for _ in range(3 * slots // tokens):
                if restarts and model.seen == slots:
                    model.seen = 0
                for slot in model.tensor():
                    for head in range(heads):
                        assert ctx.get(dut.offset) == head * pitch + slot
                        ctx.set(dut.push, 1)
                        await ctx.tick()
                        ctx.set(dut.push, 0)
                        await ctx.tick().repeat(turn + 1)
            ctx.set(dut.push, 1)  # in the middle of a token
            await ctx.tick()
            ctx.set(dut.push, 0)
            ctx.set(reset if turn else dut.clear, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            ctx.set(dut.clear, 0)

    bench_of(dut, body)


@pytest.mark.parametrize(
    "ring", [*RINGS, (10, 0, 0, (4, 3, 1), True), (13, 3, 8, (4, 2, 1), False)]
)
def test_the_count_follows_the_tokens(ring):
    slots, pinned, start, tokens, restarts = ring
    lengths = (tokens,) if isinstance(tokens, int) else tokens
    most, rng = 3 * slots // 2, random.Random(repr(ring))
    dut = TokenCount(
        slots=slots, pinned=pinned, start=start, tokens=tokens, restarts=restarts, most=most
    )

    async def body(ctx, reset):
        for turn in range(3):
            seen = 0
            for _ in range(6 * slots):
                which = rng.randrange(len(lengths))
                full = restarts and seen + lengths[which] > slots
                seen = 0 if full else seen
                ctx.set(dut.length, which)
                ctx.set(dut.begin, 1)
                *_, emptied = await ctx.tick().sample(dut.emptied)
                assert emptied == full
                ctx.set(dut.begin, 0)
                await ctx.tick().repeat(rng.randint(1, 3))
                assert ctx.get(dut.seen) == (seen if restarts else min(seen, most))
                assert ctx.get(dut.slot) == (0 if restarts else (seen - pinned) % (slots - start))
                ctx.set(dut.advance, 1)
                await ctx.tick()
                ctx.set(dut.advance, 0)
                seen += lengths[which]
                await ctx.tick().repeat(rng.randint(1, 2))
            ctx.set(reset if turn else dut.clear, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            ctx.set(dut.clear, 0)

    bench_of(dut, body)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="Beats of 4 do not divide rows of 6 elements"):
        RingWriter(slots=4, pinned=0, start=0, row=6, lanes=4)
    with pytest.raises(ValueError, match="5 pinned rows and a ring from 4 in 8 slots"):
        RingWriter(slots=8, pinned=5, start=4, row=4, lanes=4)
    with pytest.raises(ValueError, match="5 tokens do not fit into a ring of 4"):
        TokenCount(slots=8, pinned=2, start=4, tokens=(5, 1), restarts=False)
