"""What the vector core looks up: tables, rows, and the factors of rotations."""

import math
import random

import pytest

from rtl_templates.arith.codes import Codes
from rtl_templates.arith.requantize import Scale
from rtl_templates.vector.embedding import Embedding
from rtl_templates.vector.gelu import Gelu
from rtl_templates.vector.lookup import Lookup
from rtl_templates.vector.mul import Mul
from rtl_templates.vector.rope import Rope
from rtl_templates.vector.rows import Rows, RowTable
from rtl_templates.vector.turns import Turn, Turns
from rtl_templates.vector.vector_core import VectorCore
from support.streams import bench_of, drive, pack, unpack

TURN = 1 << 32
SINE = tuple(
    math.floor(math.sin((k + 0.5) / 1024 * math.pi / 2) * 2**15 + 0.5) for k in range(1024)
)


def test_each_task_has_its_own_table():
    """Tables of several sizes lie in one memory; codes of narrow ones come extended."""
    rng = random.Random(1)
    sizes = [4, 16, 0, 4, 8]
    tables = [[rng.randrange(-30, 30) for _ in range(size)] for size in sizes]
    dut = Lookup(lanes=2, bits=5, tables=tables)

    async def body(ctx, reset):
        for number in (1, 0, 3, 4, 1):
            ctx.set(dut.task, number)
            await ctx.tick().repeat(2)
            for _ in range(20):
                codes = [rng.randrange(32) for _ in range(2)]
                ctx.set(dut.codes, pack(codes, 2, 5)[0])
                await ctx.tick()
                got = unpack([ctx.get(dut.results)], 2, dut.shape.width, True)
                assert got == [tables[number][code % sizes[number]] for code in codes]

    assert len(dut.words) == sum(sizes)
    bench_of(dut, body)


def test_an_id_beyond_the_table_counts_as_the_last():
    """Only hardware can see such an id: the golden model refuses it."""
    rng = random.Random(2)
    rows = tuple(tuple(rng.randrange(-8, 8) for _ in range(4)) for _ in range(5))
    positions = tuple(tuple(rng.randrange(-9, 9) for _ in range(4)) for _ in range(6))
    table = RowTable(rows, positions, low=-8, high=7)
    ids = [0, 4, 5, 7, 6, 1]
    dut = Embedding(x=Codes(3, False), tokens=6, rows=table, out_bits=4, lanes=2)

    seen = drive(dut, [ids], 12)

    expected = [
        min(max(rows[min(number, 4)][i] + positions[t][i], -8), 7)
        for t, number in enumerate(ids)
        for i in range(4)
    ]
    assert unpack(seen.beats, 2, 4, True) == expected


def factors_by_definition(turn, tensors):
    """Yield (sine, cosine) of every pair for each token of each tensor."""
    place = turn.start
    for _ in range(tensors):
        if not turn.running:
            place = turn.start
        for _ in range(turn.tokens):
            at = min(place, turn.limit - 1) if turn.limit else place
            angles = [((at * step % TURN >> 20) + 0.5) / 4096 * 2 * math.pi for step in turn.steps]
            yield [(math.sin(angle) * 2**15, math.cos(angle) * 2**15) for angle in angles]
            place += 1


@pytest.mark.parametrize("interleaved", [False, True], ids=["halves", "interleaved"])
def test_factors_are_those_of_the_positions(interleaved):
    """Layers take turns tensor by tensor, each from where it was."""
    rng = random.Random(3)
    lanes, tensors = 1 if interleaved else 2, 5

    def turn(tokens, heads, **keys):
        steps = tuple(rng.randrange(TURN) for _ in range(4))
        return Turn(steps, SINE, tokens, heads, interleaved=interleaved, **keys)

    turns = [
        turn(3, 2, running=True, start=70_000),
        None,
        turn(2, 1, limit=3, start=1),
        turn(1, 3, running=True, limit=4),
    ]
    dut = Turns(lanes=lanes, turns=turns)
    places = {k: list(factors_by_definition(t, tensors)) for k, t in enumerate(turns) if t}

    def steps_of(number):
        """Yield (first, expected magnitude and sign of each lane) for one tensor."""
        one = turns[number]
        for _ in range(one.tokens):
            token = places[number].pop(0)
            for _ in range(one.heads):
                groups = [(half, w) for half in (0, 1) for w in range(4 // lanes)]
                if interleaved:
                    groups = [(half, w) for w in range(4) for half in (0, 1)]
                for half, word in groups:
                    pairs = token[word * lanes : (word + 1) * lanes]
                    yield 1, [s if half else c for s, c in pairs]
                    yield 0, [c if half else -s for s, c in pairs]

    async def body(ctx, reset):
        for _ in range(tensors):
            for number in (0, 2, 3):
                ctx.set(dut.task, number)
                await ctx.tick().repeat(2)
                steps = list(steps_of(number))
                magnitudes, signs = [], []
                for cycle in range(len(steps) + 3):
                    ctx.set(dut.step, cycle < len(steps))
                    ctx.set(dut.first, steps[cycle][0] if cycle < len(steps) else 0)
                    if 2 <= cycle < len(steps) + 2:
                        magnitudes += unpack([ctx.get(dut.factors)], lanes, 16, False)
                    if cycle >= 3:
                        signs += [ctx.get(dut.negative) >> k & 1 for k in range(lanes)]
                    await ctx.tick()
                wanted = [value for _, values in steps for value in values]
                for magnitude, negative, value in zip(magnitudes, signs, wanted, strict=True):
                    assert magnitude == math.floor(abs(value) + 0.5)
                    assert negative == (value < 0)

    bench_of(dut, body)


X = Codes(4, True)
VECTOR = {"positions": 1, "channels": 8, "out_bits": 4, "lanes": 4, "beat": 2}
SCALE = Scale(4, 0, -8, 7)
ROWS = RowTable(((1, 2, 3), (4, 5, 6)), low=-8, high=7)


@pytest.mark.parametrize(
    ("build", "inputs", "beats", "arrival", "steps"),
    [
        (lambda: Gelu(x=X, table=[0] * 16, **VECTOR), 1, 4, 4, 1),
        (lambda: Mul(x=X, zeros=(0, 0), multiplier=3, scale=SCALE, **VECTOR), 2, 4, 4, 2),
        (lambda: Rope(x=X, turn=Turn((5, 6), SINE, 1, 1), scale=SCALE, out_bits=4), 1, 4, 4, 2),
        (lambda: Embedding(x=Codes(2, False), tokens=2, rows=ROWS, out_bits=4), 1, 2, 1, 1),
    ],
    ids=["gelu", "mul", "rope", "embedding"],
)
def test_latency(build, inputs, beats, arrival, steps):
    """A group starts when its elements have arrived, and leaves so much after its last step."""
    dut = build()
    seen = drive(dut, [[0] * beats] * inputs, dut.cycles // steps)

    assert seen.offered == arrival + steps + VectorCore.LATENCY
    assert seen.active == dut.cycles


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Lookup(lanes=1, bits=4, tables=[[1, 2, 3]]), "power of two words up to 16, not 3"),
        (lambda: Lookup(lanes=1, bits=1, tables=[[0] * 4]), "up to 2, not 4"),
        (lambda: Lookup(lanes=1, bits=4, tables=[[]]), "At least one task must have a table"),
        (
            lambda: Gelu(x=X, positions=1, channels=2, table=[0] * 8, out_bits=4),
            "A table must have 16 words, not 8",
        ),
        (
            lambda: Rows(lanes=2, bits=2, tables=[ROWS], counts=[1]),
            "Lanes must divide the 3 features of a row, not 2",
        ),
        (lambda: Rows(lanes=1, bits=2, tables=[None], counts=[1]), "one task must have rows"),
        (lambda: Embedding(x=X, tokens=2, rows=ROWS, out_bits=4), "Ids must be unsigned"),
        (
            lambda: Turns(lanes=2, turns=[Turn((1, 2, 3), SINE, 1, 1)]),
            "Lanes must divide the 3 pairs of a head, not 2",
        ),
        (lambda: Turns(lanes=1, turns=[Turn((1,), (1, 2, 3), 1, 1)]), "power of two arcs, not 3"),
        (
            lambda: Rope(
                x=X,
                turn=Turn((1, 2), SINE, 1, 1, interleaved=True),
                scale=SCALE,
                out_bits=4,
                lanes=2,
            ),
            "Interleaved pairs take 1 lane, not 2",
        ),
        (
            lambda: Mul(
                x=X,
                positions=1,
                channels=2,
                zeros=(0, 0),
                multiplier=1 << 16,
                scale=SCALE,
                out_bits=4,
            ),
            "A multiplier must be in",
        ),
    ],
)
def test_bad_parameters_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
