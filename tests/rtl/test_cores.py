"""Dot product, MAC core and vector core, whose permission to start is the only flow control."""

import random

import pytest
from amaranth.hdl import signed, unsigned

from rtl_templates.arith.dot_product import DotProduct
from rtl_templates.arith.requantize import Scale
from rtl_templates.arith.tree import tree_depth
from rtl_templates.mac.mac_core import MacCore, MacShape, MacTask
from rtl_templates.memory.walk import Level, Walk
from rtl_templates.vector.vector_core import VectorCore, VectorShape, VectorTask
from support.streams import bench_of, pack, unpack


@pytest.mark.parametrize("terms", [1, 2, 4, 5, 16, 17])
@pytest.mark.parametrize("code", [signed(4), unsigned(3)], ids=["signed", "unsigned"])
def test_dot_product(terms, code):
    rng = random.Random(terms)
    dut = DotProduct(terms, code, 5)
    low = -8 if code.signed else 0

    async def body(ctx, reset):
        results = [0] * dut.latency
        for cycle in range(60):
            extreme = cycle % 10 == 0
            x = [low if extreme else rng.randrange(low, 8) for _ in range(terms)]
            w = [-16 if extreme else rng.randrange(-16, 16) for _ in range(terms)]
            ctx.set(dut.x, pack(x, terms, code.width)[0])
            ctx.set(dut.w, pack(w, terms, 5)[0])
            results.append(sum(a * b for a, b in zip(x, w, strict=True)))
            await ctx.tick()
            if cycle >= dut.latency:
                assert ctx.get(dut.o) == results[cycle + 1]

    bench_of(dut, body)


def test_the_tree_adds_four_terms_a_level():
    assert [tree_depth(terms) for terms in (1, 2, 4, 5, 16, 17, 64, 65)] == [0, 1, 1, 2, 2, 3, 3, 4]


def requantise(acc, scale):
    """Return the code of a multiplied sum, rounding half up."""
    value = (acc + ((1 << scale.shift) >> 1)) >> scale.shift
    return min(max(value + scale.zero_point, scale.low), scale.high)


class MacReference:
    """A task of a MAC core and what it must yield, as plain integers."""

    def __init__(self, rng, elements, outputs, words, channels, is_signed, lanes):
        self.elements, self.outputs, self.lanes = elements, outputs, lanes
        self.size = words * elements
        self.blocks = -(-channels // outputs)
        self.x = [rng.randrange(*((-8, 8) if is_signed else (0, 16))) for _ in range(self.size)]
        self.weights = [
            [rng.randrange(-8, 8) for _ in range(self.size)] if channel < channels else None
            for channel in range(self.blocks * outputs)
        ]
        self.biases = [rng.randrange(-100, 100) for _ in range(channels)]
        self.factors = [rng.randrange(1, 64) for _ in range(channels)]
        self.scale = Scale(rng.choice([5, 7]), rng.randrange(-2, 3), -8, 7)
        self.walk = Walk(
            elements=self.size,
            row=self.size,
            levels=(
                *(Level(1), Level(1), Level(1), Level(self.blocks)),
                *(Level(1), Level(1), Level(words, 0, elements)),
            ),
            group=3,
            reach=(0, self.size - 1),
            idle=max(0, outputs // lanes - words),
        )
        self.channels = channels
        self.is_signed = is_signed
        self.words = words

    def weight_words(self):
        out = []
        for block in range(self.blocks):
            for word in range(self.words):
                flat = []
                for output in range(self.outputs):
                    row = self.weights[block * self.outputs + output] or [0] * self.size
                    flat += row[word * self.elements : (word + 1) * self.elements]
                out += pack(flat, len(flat), 4)
        return out

    def channel_words(self, acc_bits, factor_bits):
        out = []
        for start in range(0, self.channels, self.lanes):
            word = place = 0
            for channel in range(start, start + self.lanes):
                word |= (self.biases[channel] & ((1 << acc_bits) - 1)) << place
                word |= self.factors[channel] << (place + acc_bits)
                place += acc_bits + factor_bits
            out.append(word)
        return out

    def results(self):
        return [
            requantise(
                (sum(a * b for a, b in zip(self.x, row, strict=True)) + bias) * factor, self.scale
            )
            for row, bias, factor in zip(self.weights, self.biases, self.factors, strict=False)
        ]


@pytest.mark.parametrize("seed", range(4))
def test_mac_core_takes_turns(seed):
    """Two tasks with their own weights, scales and signedness, in any order, reset between."""
    rng = random.Random(seed)
    elements, outputs, lanes = rng.choice([1, 3, 5]), rng.choice([2, 4]), rng.choice([1, 2])
    tasks = [
        MacReference(
            rng,
            elements,
            outputs,
            words=rng.randint(1, 4),
            channels=outputs * rng.randint(1, 2) + rng.choice([0, 2]),
            is_signed=bool(k),
            lanes=lanes,
        )
        for k in range(2)
    ]
    acc_bits, factor_bits = 20, 6
    weights, channels, built = [], [], []
    for task in tasks:
        words = task.channel_words(acc_bits, factor_bits)
        last = task.channels % outputs or outputs
        built.append(
            MacTask(
                walk=task.walk,
                signed=task.is_signed,
                pad=0,
                scale=task.scale,
                weights=len(weights),
                channels=(len(channels), len(words)),
                beats=outputs // lanes,
                last_beats=last // lanes,
            )
        )
        weights += task.weight_words()
        channels += words
    shape = MacShape(
        rows=1,
        row_pitch=0,
        elements=elements,
        outputs=outputs,
        lanes=lanes,
        x_bits=5,  # signed codes, and unsigned ones with a zero on top
        x_signed=True,
        weight_bits=4,
        acc_bits=acc_bits,
        multiplier_bits=factor_bits,
        out_bits=4,
    )
    dut = MacCore(shape, built, weights, channels, sequential=True)

    async def body(ctx, reset):
        for turn in range(6):
            number = rng.randrange(2)
            task = tasks[number]
            ctx.set(dut.task, number)
            await ctx.tick().repeat(2)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.go, 1)
            beats, at, cycle, ended = [], [], 0, None
            while len(beats) < task.channels // lanes and not (turn == 2 and cycle == 3):
                address = ctx.get(dut.address[0])
                if ctx.get(dut.done):
                    ended = cycle
                if ctx.get(dut.beat_valid):
                    beats.append(ctx.get(dut.beat))
                    at.append(cycle)
                await ctx.tick()
                codes = [
                    task.x[address + k] if 0 <= address + k < task.size else 0
                    for k in range(elements)
                ]
                ctx.set(dut.data[0], pack(codes, elements, 5)[0])
                cycle += 1
            if turn == 2:
                ctx.set(reset, 1)
                await ctx.tick()
                ctx.set(reset, 0)
                continue
            assert unpack(beats, lanes, 4, True) == task.results()
            last_beats = dut.tasks[number].last_beats
            assert at[-last_beats] - ended == MacCore.latency(elements)
            assert at[-1] == at[-last_beats] + last_beats - 1
            assert at[0] == task.words - 1 + MacCore.latency(elements)
            await ctx.tick().repeat(3)

    bench_of(dut, body)


@pytest.mark.parametrize("seed", range(3))
def test_vector_core_takes_turns(seed):
    """Sum, maximum and sum of two inputs, one after the other without a gap in the pipeline."""
    rng = random.Random(seed)
    lanes, bits = rng.choice([1, 2, 4]), 6
    scale = Scale(6, 1, -32, 31)
    kinds = [
        VectorTask("scale", (True,), (37,), (5 + scale.half,), scale),
        VectorTask("max", (True,), (1,), (0,), Scale(0, 0, -32, 31)),
        VectorTask("scale", (True, True), (12, 61), (scale.half,) * 2, scale),
    ]
    shape = VectorShape(lanes=lanes, ports=2, x_bits=bits, acc_bits=20, out_bits=bits)
    dut = VectorCore(shape, kinds)

    async def body(ctx, reset):
        for number in (0, 1, 2, 1, 0):
            task = kinds[number]
            ctx.set(dut.task, number)
            await ctx.tick().repeat(2)
            steps, expected = [], []
            for _ in range(8):
                count = 2 if number == 2 else rng.randint(1, 5)
                codes = [[rng.randrange(-32, 32) for _ in range(lanes)] for _ in range(count)]
                steps += [
                    (c, k == 0, k == count - 1, k if number == 2 else 0)
                    for k, c in enumerate(codes)
                ]
                for lane in range(lanes):
                    values = [c[lane] for c in codes]
                    if task.kind == "max":
                        expected.append(max(values))
                        continue
                    factors = task.multipliers if number == 2 else task.multipliers * count
                    total = sum(v * f for v, f in zip(values, factors, strict=True))
                    expected.append(requantise(total + task.offsets[0] - scale.half, scale))
            got, ends, arrivals, word = [], [], [], 0
            for cycle in range(len(steps) + VectorCore.LATENCY + 1):
                codes, first, last, port = (
                    steps[cycle] if cycle < len(steps) else ([0] * lanes, 0, 0, 0)
                )
                ctx.set(dut.step, cycle < len(steps))
                ctx.set(dut.first, first)
                ctx.set(dut.last, last)
                ctx.set(dut.port, port)
                ctx.set(dut.data, word)  # of the step before
                if last:
                    ends.append(cycle)
                if ctx.get(dut.beat_valid):
                    got.append(ctx.get(dut.beat))
                    arrivals.append(cycle)
                word = pack(codes, lanes, bits)[0]
                await ctx.tick()
            assert unpack(got, lanes, bits, True) == expected
            assert arrivals == [end + VectorCore.LATENCY for end in ends]

    bench_of(dut, body)


def test_argmax_takes_one_lane():
    task = VectorTask("argmax", (True,), (1,), (0,), Scale(0, 0, 0, 3))
    with pytest.raises(ValueError, match="argmax takes 1 lane, not 2"):
        VectorCore(VectorShape(lanes=2, ports=1, x_bits=4, acc_bits=5, out_bits=2), [task])
