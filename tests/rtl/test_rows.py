# amaranth: UnusedElaboratable=no
"""The parts of row engines: root, division, queue, replay, cores with several tasks."""

import random
from math import isqrt

import numpy as np
import pytest

from hwgen.emit.rtl.rows import ROW_CORES
from hwgen.ops import LowerOptions, QType, get_op
from hwgen.quant.model import QNode, QTensor
from rtl_templates.arith.codes import Codes
from rtl_templates.arith.requantize import Scale
from rtl_templates.arith.tree import larger, reduce_tree
from rtl_templates.row.hadamard import Hadamard
from rtl_templates.row.hadamard_core import HadamardCore
from rtl_templates.row.layer_norm import LayerNorm
from rtl_templates.row.norm_core import NormCore
from rtl_templates.row.reciprocal import Reciprocal
from rtl_templates.row.reciprocal_root import ReciprocalRoot
from rtl_templates.row.replay import Replay
from rtl_templates.row.row_queue import RowQueue
from rtl_templates.row.softmax import Softmax
from rtl_templates.row.softmax_core import TABLE, SoftmaxCore
from support import rows
from support.streams import bench_of, drive, pack, unpack

SPREADS = [
    (1, 0, 0),
    (1, 5, 25),
    (7, -21, 63),
    (65536, 12345, 1 << 44),
    (3000, -(1 << 28), 1 << 50),
    (2**15, (1 << 30) - 1, 1 << 46),
    (31, 31 * 32767, 31 * 32767**2),
]


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("epsilon", [0, 1, (1 << 61) + 12345])
def test_reciprocal_root(centered, epsilon):
    """Back to back: a new row starts in the cycle of the result before."""
    cases = [case for case in SPREADS if case[0] * case[2] + epsilon < 1 << 62]
    counts = [count for count, _, _ in cases]
    dut = ReciprocalRoot(
        counts, [centered] * len(cases), [epsilon] * len(cases), total_bits=32, square_bits=51
    )

    async def body(ctx, reset):
        for task, (count, total, squares) in enumerate(cases):
            ctx.set(dut.task, task)
            await ctx.tick().repeat(2)
            for _ in range(2):
                ctx.set(dut.start, 1)
                ctx.set(dut.total, total)
                ctx.set(dut.squares, squares)
                await ctx.tick()
                ctx.set(dut.start, 0)
                ctx.set(dut.total, 0)
                ctx.set(dut.squares, 0)
                for _ in range(ReciprocalRoot.CYCLES - 1):
                    assert not ctx.get(dut.done)
                    await ctx.tick()
                assert ctx.get(dut.done)
                used = total if centered else 0
                root, half = rows.reciprocal_root(count * squares - used * used + epsilon)
                assert ctx.get(dut.half) == half
                assert ctx.get(dut.scale) == root * count
                assert ctx.get(dut.offset) == root * used

    bench_of(dut, body)


@pytest.mark.parametrize("seed", range(3))
def test_reciprocal(seed):
    rng = random.Random(seed)
    factors = [0, 1, 65535, rng.randrange(1 << 16)]
    dut = Reciprocal(factors)
    totals = [1, 2, 3, 0xFFFFFFFF, 0x80000000, 65280, *(rng.randrange(1, 1 << 32) for _ in "abc")]

    async def body(ctx, reset):
        for task, factor in enumerate(factors):
            ctx.set(dut.task, task)
            await ctx.tick().repeat(2)
            for total in totals:
                ctx.set(dut.start, 1)
                ctx.set(dut.total, total)
                await ctx.tick()
                ctx.set(dut.start, 0)
                for _ in range(Reciprocal.CYCLES - 1):
                    assert not ctx.get(dut.done)
                    await ctx.tick()
                assert ctx.get(dut.done)
                log = total.bit_length() - 1
                wanted = ((1 << (log + 17)) // total * factor + (1 << 15)) >> 16
                assert (ctx.get(dut.factor), ctx.get(dut.log)) == (wanted, log)

    bench_of(dut, body)


def test_a_row_queue_gives_words_in_order():
    rng = random.Random(4)
    dut = RowQueue(8, 5)
    held, wanted = [], None

    async def body(ctx, reset):
        nonlocal wanted
        for _ in range(200):
            pops = bool(held) and rng.random() < 0.5
            pushes = len(held) < 5 and rng.random() < 0.6
            word = rng.randrange(256)
            ctx.set(dut.pop, pops)
            ctx.set(dut.push, pushes)
            ctx.set(dut.word, word)
            if wanted is not None:
                assert ctx.get(dut.data) == wanted
            await ctx.tick()
            wanted = held.pop(0) if pops else None
            if pushes:
                held.append(word)

    bench_of(dut, body)


@pytest.mark.parametrize("beats", [[1], [4], [3, 1]])
def test_a_replay_counts_the_beats_of_rows_that_touch(beats):
    dut = Replay(beats)

    async def body(ctx, reset):
        for task, count in enumerate(beats):
            ctx.set(dut.task, task)
            await ctx.tick().repeat(2)
            for gap in (0, 0, 2, 1, 0):
                for beat in range(count):
                    ctx.set(dut.ready, beat == 0)
                    assert ctx.get(dut.beat)
                    assert ctx.get(dut.last) == (beat == count - 1)
                    await ctx.tick()
                for _ in range(gap):
                    ctx.set(dut.ready, 0)
                    assert not ctx.get(dut.beat)
                    await ctx.tick()

    bench_of(dut, body)


def test_the_table_is_that_of_the_golden_model():
    assert list(TABLE) == rows.table()


def row_node(rng, op, lanes, lengths=(1, 9)):
    """Return a node on 3 rows with its input's type, and the golden codes of random rows."""
    features = lanes * int(rng.integers(*lengths))
    if op.name == "hadamard":
        features = lanes * int(rng.choice([2, 4, 8, 12, 20, 24, 48]))
    bits = int(rng.integers(2, 9))
    signed = bool(rng.integers(2))
    low = -(1 << (bits - 1)) if signed else 0
    kind = QType(bits, signed, 0.037, int(rng.choice([0, low + 1])))
    out = QType(8, True, 0.05, int(rng.integers(-3, 4)))
    shapes = [(3, features)]
    params = op.Params()
    weights = {name: rng.standard_normal(size) for name, size in op.weights(params, shapes).items()}
    lowered = op.lower(params, weights, shapes, [kind], out, LowerOptions(8))
    node = QNode("n", op.name, ("x",), lowered, QTensor("n", shapes[0], out), 0)
    codes = rng.integers(kind.low, kind.high, size=(1, *shapes[0]), endpoint=True)
    return node, kind, codes[0], op.integer(lowered, [codes])[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["norm", "softmax", "hadamard"])
def test_cores_take_turns(kind, seed):
    """Tasks of different rows, types and scales, in any order; each keeps its latency."""
    rng = np.random.default_rng([seed, len(kind)])
    lanes = int(rng.choice([1, 2, 4]))
    drawn = [row_node(rng, get_op(name), lanes) for name in NAMES[kind]]
    core = ROW_CORES[kind](
        [node for node, *_ in drawn],
        [item for _, item, *_ in drawn],
        lanes=lanes,
        x_bits=9,
        out_bits=9,
    )
    order = [int(k) for k in rng.integers(0, len(drawn), size=4)]

    async def body(ctx, reset):
        for task in order:
            _, _, codes, golden = drawn[task]
            ctx.set(core.task, task)
            await ctx.tick().repeat(2)
            beats = codes.shape[1] // lanes
            length = max(beats, core.PERIOD)
            latency = {
                "norm": lambda: NormCore.latency(lanes),
                "softmax": lambda beats=beats: SoftmaxCore.latency(lanes, beats),
                "hadamard": lambda beats=beats: HadamardCore.latency(lanes, lanes * beats),
            }[kind]()
            words = pack(codes.ravel().tolist(), lanes, 9)
            got, cycles = [], []
            for cycle in range(3 * length + latency + beats + 3):
                row, step = divmod(cycle, length)
                issued = row < 3 and step < beats
                ctx.set(core.step, issued)
                ctx.set(core.first, step == 0)
                ctx.set(core.last, step == beats - 1)
                if ctx.get(core.beat_valid):
                    got.append(ctx.get(core.beat))
                    cycles.append(cycle)
                await ctx.tick()
                if issued:
                    ctx.set(core.data, words[row * beats + step])
            assert unpack(got, lanes, 9, True) == golden.ravel().tolist()
            assert cycles == [
                row * length + beats - 1 + latency + beat
                for row in range(3)
                for beat in range(beats)
            ]

    bench_of(core, body)


def row_keys(features):
    return {"gains": [1 << 12] * features, "addends": [0] * features}


X = Codes(8, True)
SCALE = Scale(16, 0, -128, 127)
NAMES = {
    "norm": ["layer_norm", "rms_norm", "layer_norm"],
    "softmax": ["softmax"] * 2,
    "hadamard": ["hadamard"] * 4,
}
NORM = {"x": X, "scale": SCALE, "out_bits": 8}
SHARE = {"x": X, "log": (47000, 9), "multiplier": 65280, "scale": Scale(24, 0, 0, 255)}


@pytest.mark.parametrize(("features", "lanes"), [(8, 2), (128, 2)])
def test_latency_interval_and_bound_of_a_normalisation(features, lanes):
    dut = LayerNorm(rows=4, lanes=lanes, beat=lanes, **row_keys(features), **NORM)
    words = [[k % 200 for k in range(4 * features // lanes)]] * 1
    beats = features // lanes
    seen = drive(dut, words, 4 * beats)
    length = max(beats, NormCore.PERIOD)

    assert seen.offered == beats + beats + NormCore.latency(lanes)
    assert seen.cycles == [
        seen.offered + row * length + k for row in range(4) for k in range(beats)
    ]
    assert seen.active == 4 * beats
    assert dut.cycles == 4 * length
    assert dut.utilisation == beats / length


@pytest.mark.parametrize(("features", "lanes"), [(8, 2), (128, 4)])
def test_latency_interval_and_bound_of_a_softmax(features, lanes):
    dut = Softmax(rows=3, features=features, lanes=lanes, beat=lanes, out_bits=8, **SHARE)
    words = [[k % 200 for k in range(3 * features // lanes)]] * 1
    beats = features // lanes
    seen = drive(dut, words, 3 * beats)
    length = max(beats, SoftmaxCore.PERIOD)

    assert seen.offered == beats + beats + SoftmaxCore.latency(lanes, beats)
    assert seen.cycles == [
        seen.offered + row * length + k for row in range(3) for k in range(beats)
    ]
    assert dut.utilisation == beats / length


@pytest.mark.parametrize(("features", "lanes"), [(8, 2), (8, 8), (96, 1), (96, 4)])
def test_latency_interval_and_bound_of_a_transform(features, lanes):
    signs = [1, -1] * (features // 2)
    dut = Hadamard(x=X, rows=3, signs=signs, multiplier=5, scale=SCALE, out_bits=8, lanes=lanes,
                   beat=lanes)  # fmt: skip
    beats = features // lanes
    seen = drive(dut, [[k % 200 for k in range(3 * beats)]], 3 * beats)

    assert seen.offered == beats + beats + HadamardCore.latency(lanes, features)
    assert seen.cycles == [seen.offered + k for k in range(3 * beats)]
    assert (dut.cycles, dut.utilisation) == (3 * beats, 1.0)


@pytest.mark.parametrize(("combine", "python"), [(larger, max), (lambda a, b: a + b, sum)])
@pytest.mark.parametrize("count", [1, 3, 4, 9, 17])
def test_reduce_tree(count, combine, python):
    from amaranth.hdl import Module, Signal, signed
    from amaranth.lib import wiring
    from amaranth.lib.wiring import In, Out

    class Tree(wiring.Component):
        i: In(count * 5)
        o: Out(signed(10))

        def elaborate(self, platform):
            m = Module()
            values = [self.i.word_select(k, 5).as_signed() for k in range(count)]
            unused = Signal()
            m.d.sync += unused.eq(~unused)
            m.d.comb += self.o.eq(reduce_tree(m, values, combine, 10, "part"))
            return m

    rng = random.Random(count)
    dut = Tree()
    levels = 0
    while 4**levels < count:
        levels += 1

    async def body(ctx, reset):
        for _ in range(20):
            values = [rng.randrange(-16, 16) for _ in range(count)]
            ctx.set(dut.i, pack(values, count, 5)[0])
            await ctx.tick().repeat(levels + 1)
            assert ctx.get(dut.o) == python(values)

    bench_of(dut, body)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: RowQueue(8, 1), "Depth must be at least 2 words, not 1"),
        (lambda: Reciprocal([1 << 16]), "Multipliers must be in"),
        (
            lambda: LayerNorm(rows=2, lanes=4, **row_keys(6), **NORM),
            "Lanes must divide rows of 6 elements, not 4",
        ),
        (
            lambda: LayerNorm(rows=2, **{**row_keys(6), "addends": [0]}, **NORM),
            "Gains and addends must be 6, one per element",
        ),
        (
            lambda: LayerNorm(rows=2, queue=5, **row_keys(6), **NORM),
            "Queue must hold a row of 6 beats, not 5",
        ),
        (
            lambda: Softmax(rows=2, features=6, lanes=4, out_bits=8, **SHARE),
            "Lanes must divide rows of 6 elements, not 4",
        ),
        (
            lambda: Softmax(rows=1, features=1 << 17, out_bits=8, **SHARE),
            "Rows must have at most 65536 elements, not 131072",
        ),
    ],
)
def test_bad_parameters_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_no_element_is_further_than_the_core_expects():
    """Of n numbers none is further from their mean than sqrt(n - 1) deviations."""
    for features in (2, 3, 10, 1000, 65536):
        reach = isqrt(features << 24) * 33 // 32 + 2
        low, high = -32768, 32767
        total = high + (features - 1) * low
        squares = high * high + (features - 1) * low * low
        root, half = rows.reciprocal_root(features * squares - total * total)
        assert rows.rounded((features * high - total) * root, 4 + half) <= reach
