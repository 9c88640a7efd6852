"""A linear layer on the weight-stationary array: every result, and every cycle as predicted."""

import random
from dataclasses import replace

import numpy as np
import pytest

from hwgen.emit.rtl.block_layers import block_layer
from hwgen.ops import LowerOptions, QType, get_op
from hwgen.ops.blocks import Blocks, weight_reach
from hwgen.quant.model import QNode, QTensor
from rtl_templates.mac_array.digits import digits_of
from rtl_templates.mac_array.geometry import Block, Geometry
from rtl_templates.mac_array.linear import BlockLinear
from rtl_templates.mac_array.timeline import timeline
from support.block_layers import codes_of, expected, input_beats, random_layer, results_of
from support.streams import bench_of

BITS = 8


def run(geometry, tensors, *, rng=None, reset_at=None):
    """Return per tensor its results and the cycles of its first and last transfers."""
    dut = BlockLinear(geometry, x_bits=BITS, out_bits=BITS)
    beats = [beat for codes in tensors for beat in input_beats(geometry, codes, BITS)]
    layer = geometry.layer
    each = layer.tokens * sum(geometry.beats(outputs) for outputs in geometry.outer)
    seen, taken = [], []

    async def flow(ctx, stop_at):
        seen.clear(), taken.clear()
        cycle, offering = 0, False
        while len(seen) < each * len(tensors) and cycle != stop_at:
            offering = len(taken) < len(beats) and (offering or rng is None or rng.random() < 0.6)
            ctx.set(dut.i.valid, offering)
            if offering:
                ctx.set(dut.i.payload, beats[len(taken)])
            ready = rng is None or rng.random() < 0.5
            ctx.set(dut.o.ready, ready)
            if ready and ctx.get(dut.o.valid):
                payload = ctx.get(dut.o.payload)
                seen.append((cycle, payload.data, payload.index))
            if offering and ctx.get(dut.i.ready):
                taken.append(cycle)
                offering = False
            await ctx.tick()
            cycle += 1

    async def body(ctx, reset):
        if reset_at is not None:
            await flow(ctx, reset_at)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
        await flow(ctx, None)
        ctx.set(dut.o.ready, 1)
        for _ in range(8):
            assert not ctx.get(dut.o.valid), "more beats than results"
            await ctx.tick()

    bench_of(dut, body, deadline=60000)
    count = len(beats) // len(tensors)
    return [
        (
            results_of(geometry, [beat[1:] for beat in seen[each * k : each * (k + 1)]], BITS),
            (taken[count * k], taken[count * (k + 1) - 1]),
            (seen[each * k][0], seen[each * (k + 1) - 1][0]),
        )
        for k in range(len(tensors))
    ]


CASES = {
    "mixed": (5, 6, [(6, 4, 2, 0), (4, 8, 0, 2), (5, 4, 4, 1)], (4, 2, 2, 1), {}),
    "all_four": (6, 8, [(8, 4, 4, 0)], (4, 2, 4, 1), {}),
    "all_eight": (4, 4, [(8, 8, 0, 0)], (4, 2, 1, 1), {}),
    "one_token": (1, 5, [(3, 8, 0, 0), (3, 4, 3, 1)], (2, 1, 2, 1), {}),
    "wide_array": (3, 3, [(5, 4, 4, 0)], (8, 3, 6, 1), {}),
    "unsigned": (4, 6, [(4, 4, 3, 1), (4, 8, 1, 0)], (4, 2, 2, 1), {"signed": False}),
    "beats": (4, 4, [(8, 4, 4, 1), (4, 8, 0, 0)], (4, 2, 4, 4), {"order": False}),
    "corners": (4, 4, [(8, 4, 0, 0), (8, 8, 0, 0)], (8, 2, 4, 1), {"corners": True}),
    "fabric": (4, 6, [(8, 4, 0, 0), (8, 8, 0, 0)], (8, 3, 2, 1, 2), {"corners": True}),
    "digits": (5, 6, [(6, 4, 2, 0), (4, 8, 0, 2), (5, 4, 4, 1)], (4, 4, 2, 1), {"digits": 2}),
    "digits_unsigned": (
        *(4, 7, [(4, 4, 3, 1), (4, 8, 1, 0)], (4, 3, 3, 1)),
        {"digits": 2, "signed": False},
    ),
    "digits_corners": (
        *(4, 5, [(8, 4, 0, 0), (8, 8, 0, 0)], (8, 3, 1, 1, 2)),
        {"digits": 2, "corners": True},
    ),
}


def make(name, seed=1):
    tokens, outputs, sizes, array, more = CASES[name]
    rng = np.random.default_rng(seed)
    layer = random_layer(rng, tokens=tokens, outputs=outputs, sizes=sizes, **more)
    corners = more.get("corners", False)
    tensors = [codes_of(rng, layer, BITS, corners=corners) for _ in range(4)]
    return Geometry(layer, *array), tensors


@pytest.mark.parametrize("name", CASES)
def test_results_and_cycles(name):
    geometry, tensors = make(name)
    times = timeline(geometry, len(tensors))
    for codes, got, want in zip(tensors, run(geometry, tensors), times, strict=True):
        results, taken, sent = got
        assert np.array_equal(results, expected(geometry.layer, codes))
        assert (taken, sent) == ((want.first_in, want.last_in), (want.first_out, want.last_out))


@pytest.mark.parametrize("name", ["mixed", "unsigned"])
@pytest.mark.parametrize("reset_at", [None, 95])
def test_stalls_and_a_reset_in_mid_run(name, reset_at):
    geometry, tensors = make(name, seed=2)
    got = run(geometry, tensors, rng=random.Random(3), reset_at=reset_at)
    for codes, (results, _, _) in zip(tensors, got, strict=True):
        assert np.array_equal(results, expected(geometry.layer, codes))


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 12))]
)
def test_random_sizes(seed):
    rng = np.random.default_rng(seed)
    kinds = [(4, 4, 1), (8, 0, 2), (4, 3, 0)]
    sizes = [(int(rng.integers(1, 9)), *kinds[k]) for k in rng.permutation(3)]
    layer = random_layer(
        rng, tokens=int(rng.integers(1, 10)), outputs=int(rng.integers(1, 12)), sizes=sizes
    )
    columns = int(rng.integers(1, 4))
    rows, fabric = int(rng.integers(1, 6)), int(rng.integers(0, columns + 1))
    geometry = Geometry(layer, rows, columns, 2 * columns, fabric=fabric)
    tensors = [codes_of(rng, layer, BITS) for _ in range(3)]
    times = timeline(geometry, len(tensors))
    for codes, got, want in zip(tensors, run(geometry, tensors), times, strict=True):
        assert np.array_equal(got[0], expected(layer, codes))
        assert got[1:] == ((want.first_in, want.last_in), (want.first_out, want.last_out))


def test_full_utilisation_and_no_gap_between_tensors():
    """The array is the slowest part and never waits, not even between tensors."""
    rng = np.random.default_rng(4)
    sizes = [(8, 4, 4, 0), (8, 8, 0, 2)]
    layer = random_layer(rng, tokens=8, outputs=8, sizes=sizes, order=False)
    geometry = Geometry(layer, 4, 1, 2, 4)
    assert geometry.utilisation == 1.0
    times = timeline(geometry, 4)
    begins = [time.begins for time in times]
    assert np.diff(begins).tolist() == [geometry.cycles] * 3
    tensors = [codes_of(rng, layer, BITS) for _ in range(4)]
    for codes, got, want in zip(tensors, run(geometry, tensors), times, strict=True):
        assert np.array_equal(got[0], expected(layer, codes))
        assert got[2] == (want.first_out, want.last_out)


def test_a_block_of_8_bits_takes_twice_the_cycles():
    def cycles(*bits):
        rng = np.random.default_rng(0)
        layer = random_layer(rng, tokens=16, outputs=8, sizes=[(8, b, 0, 0) for b in bits])
        return Geometry(layer, 4, 2, 2).cycles

    assert (cycles(4, 4), cycles(4, 8), cycles(8, 8)) == (64, 96, 128)


def test_two_digits_are_every_integer_in_their_range():
    for digits, most in ((1, 7), (2, 112)):
        found = {digits_of(weight, digits): weight for weight in range(-most, most + 1)}
        assert len(found) == 15**digits
        for parts, weight in found.items():
            assert len(parts) == digits
            assert max(map(abs, parts)) <= 7
            assert sum(part * 15**k for k, part in enumerate(parts)) == weight


def test_feet_are_no_wider_than_sums_of_digits():
    rng = np.random.default_rng(0)
    sizes = [(16, 4, 0, 0)]
    one, two = (
        random_layer(rng, tokens=2, outputs=4, sizes=sizes, corners=True, digits=digits)
        for digits in (1, 2)
    )
    # 16 products of [-8, 7] by 7 or -7, and by 112 or -112.
    assert (one.sum_bits, two.sum_bits) == (11, 11)
    assert replace(two, biases=(0,) * 4).acc_bits == 15


def test_what_the_array_cannot_do_is_refused():
    rng = np.random.default_rng(0)
    layer = random_layer(rng, tokens=2, outputs=2, sizes=[(4, 4, 0, 0), (4, 8, 0, 0)])
    with pytest.raises(ValueError, match="4 or 8 bits, not 6"):
        Block((0,), 6)
    with pytest.raises(ValueError, match="power of two from 1 on"):
        Block((0,), 4, -1)
    with pytest.raises(ValueError, match="every input channel in one block"):
        replace(layer, blocks=layer.blocks[:1])
    with pytest.raises(ValueError, match=r"\[-7, 7\], not \[-8, 7\]"):
        replace(layer, weights=((-8,) * 8, (7,) * 8))
    with pytest.raises(ValueError, match=r"\[-112, 112\], not \[-8, 113\]"):
        replace(layer, weights=((-8,) * 8, (113,) * 8), digits=2)
    with pytest.raises(ValueError, match="1 or 2 digits, not 3"):
        replace(layer, digits=3)
    with pytest.raises(ValueError, match="Lanes must divide the 2 outputs"):
        Geometry(replace(layer, digits=2), 2, 2, 4)
    with pytest.raises(ValueError, match="a bias and a multiplier per output"):
        replace(layer, biases=(0,))
    with pytest.raises(ValueError, match="Lanes must divide the 4 outputs"):
        Geometry(layer, 2, 2, 3)
    with pytest.raises(ValueError, match="A beat must divide 8, not 3"):
        BlockLinear(Geometry(layer, 2, 2, 2, 3), x_bits=8, out_bits=8)
    mixed_up = Block((0, 2, 1, 3, 4, 5, 6, 7), 4)
    with pytest.raises(ValueError, match="Channels 0 to 1 come in one beat"):
        BlockLinear(Geometry(replace(layer, blocks=(mixed_up,)), 2, 2, 2, 2), x_bits=8, out_bits=8)


@pytest.mark.parametrize(("signed", "bits"), [(True, 4), (False, 4), (False, 8)])
def test_the_integers_are_those_of_the_golden_model(signed, bits):
    """A layer with blocks as the quantiser lowers it, scales of a power of two apart."""
    rng = np.random.default_rng(signed)
    linear, kind = get_op("linear"), QType(BITS, signed, 0.1, 0 if signed else 24)
    blocks = Blocks(
        order=rng.permutation(12),
        size=4,
        bits=(8, 4, 4),
        shifts=(1, 3, 4),
        signed=signed,
        zero_point=kind.zero_point,
    )
    arrays = {"weight": rng.standard_normal((7, 12)), "bias": rng.standard_normal(7)}
    options = LowerOptions(bits, blocks=blocks, narrow=True, reach=weight_reach(bits))
    params = linear.Params.model_validate({"features": 7})
    lowered = linear.lower(params, arrays, [(5, 12)], [kind], QType(8, True, 0.4), options)
    out = QTensor("y", (5, 7), QType(8, True, 0.4))
    node = QNode("y", "linear", ("x",), lowered, out, acc_bits=32)
    work = linear.work(lowered, [(5, 12)], [kind])
    layer = block_layer(work, node, [(5, 12)], kind)
    tensors = [rng.integers(kind.low, kind.high + 1, (5, 12)) for _ in range(2)]
    got = run(Geometry(layer, 4, 2, 2), tensors)
    wanted = linear.integer(lowered, [np.stack(tensors)])
    assert len(np.unique(wanted)) > 15
    for (results, _, _), golden in zip(got, wanted, strict=True):
        assert np.array_equal(results, golden)
