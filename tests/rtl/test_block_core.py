"""Layers of blocks from a shared buffer: every result, every cycle as the planner says."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.back import rtlil

from hwgen.ops.blocks import weight_digits, weight_reach
from hwgen.ops.work import Loop, OperandBlock, Port, Work
from hwgen.plan.block_cycles import (
    BLOCK_DRAIN,
    BLOCK_SINK,
    BLOCK_TURN,
    BLOCK_WRITE,
    block_cycles,
)
from hwgen.plan.model import Fold
from rtl_templates.mac_array.block_core import BlockCore
from rtl_templates.mac_array.digits import reach
from rtl_templates.mac_array.drain import Drain
from rtl_templates.mac_array.fetch import Fetch
from rtl_templates.mac_array.geometry import Geometry
from rtl_templates.mac_array.timeline import sink
from support.block_layers import codes_of, expected, random_layer, results_of
from support.streams import bench_of, pack

BITS = 8


def work_of(layer):
    return Work(
        kind="mac",
        ports=(Port(layer.tokens, layer.channels),),
        row=Loop(layer.tokens, dy=1),
        column=Loop(1),
        channel=Loop(1),
        outputs=layer.outputs,
        elements=layer.channels,
        blocks=tuple(OperandBlock(block.channels, block.bits) for block in layer.blocks),
        digits=layer.digits,
    )


def fold_of(geometry):
    return Fold(geometry.rows, 2, 2 * geometry.columns, geometry.lanes, reads=geometry.beat)


def run(geometries, alike, calls, *, reset_at=None):
    """Return per call (task, codes) its results and its cycles from start to the last beat."""
    dut = BlockCore(geometries, alike, x_bits=BITS, out_bits=BITS)
    found = []

    async def flow(ctx, stop_at):
        found.clear()
        cycle = 0
        for task, codes in calls:
            geometry = geometries[task]
            memory = [int(code) & 0xFF for code in codes.ravel()] + [0xA5] * geometry.beat
            ctx.set(dut.task, task)
            await ctx.tick().repeat(2)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            beats, now = [], 0
            layer = geometry.layer
            count = layer.tokens * sum(geometry.beats(outputs) for outputs in geometry.outer)
            while len(beats) < count:
                now += 1
                cycle += 1
                if cycle == stop_at:
                    return
                address = ctx.get(dut.address)
                if ctx.get(dut.beat_valid):
                    beats.append((ctx.get(dut.beat), ctx.get(dut.index)))
                await ctx.tick()
                there = [*memory, *[0x5A] * geometry.beat][address : address + geometry.beat]
                there += [0x5A] * (geometry.beat - len(there))
                ctx.set(dut.data, pack(there, geometry.beat, BITS)[0])
            found.append((results_of(geometry, beats, BITS), now))

    async def body(ctx, reset):
        if reset_at is not None:
            await flow(ctx, reset_at)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
        await flow(ctx, None)

    bench_of(dut, body, deadline=60000)
    return found


def check(geometries, calls, alike=None, **keys):
    got = run(geometries, alike or len(geometries), calls, **keys)
    for (task, codes), (results, cycles) in zip(calls, got, strict=True):
        geometry = geometries[task]
        assert np.array_equal(results, expected(geometry.layer, codes))
        assert cycles == block_cycles(work_of(geometry.layer), fold_of(geometry))


def some(seed, *, signed=(True, False), tokens=9, lanes=2, digits=(1, 1)):
    """Return layers on one array, of every kind that tasks of a plan can differ in."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(1, 9)), int(rng.integers(1, 4))
    beat = 1 << int(rng.integers(0, rows.bit_length()))
    geometries = []
    for sign, count in zip(signed, digits, strict=True):
        kinds = [(4, 4, 1), (8, 0, 2), (4, 3, 0)]
        sizes = [(int(rng.integers(1, 13)), *kinds[k]) for k in rng.permutation(3)]
        layer = random_layer(
            rng,
            tokens=int(rng.integers(1, tokens + 1)),
            outputs=lanes * int(rng.integers(1, 9)),
            sizes=sizes,
            signed=sign,
            order=bool(rng.integers(2)),
            digits=count,
        )
        geometries.append(Geometry(layer, rows, columns, lanes, beat))
    calls = [
        (task, codes_of(rng, geometries[task].layer, BITS))
        for task in [*range(len(geometries))] * 2
    ]
    return geometries, calls


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(2, 16))]
)
def test_results_and_cycles(seed):
    check(*some(seed))


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 12))]
)
def test_weights_of_4_and_of_8_bits_on_one_array(seed):
    """A tile of outputs has twice as many of one digit as of two, whose sums the drain joins."""
    check(*some(seed, signed=(True, False, True), lanes=1, digits=(1, 2, 2)))


def test_weights_of_8_bits_take_twice_the_passes():
    rng = np.random.default_rng(10)
    sizes = [(6, 4, 4, 0), (6, 8, 0, 1)]
    four, eight = (
        random_layer(rng, tokens=6, outputs=8, sizes=sizes, digits=digits) for digits in (1, 2)
    )
    geometries = [Geometry(layer, 4, 2, 2) for layer in (four, eight)]
    assert geometries[1].cycles == 2 * geometries[0].cycles
    assert geometries[1].utilisation == geometries[0].utilisation
    check(geometries, [(k, codes_of(rng, four, BITS)) for k in (0, 1, 1, 0)])


def test_no_hardware_for_digits_of_weights_where_none_has_two():
    rng = np.random.default_rng(11)
    one, two = (
        Geometry(
            random_layer(rng, tokens=4, outputs=4, sizes=[(4, 8, 0, 0)], digits=digits), 4, 2, 2
        )
        for digits in (1, 2)
    )
    for geometries, there in (([one], False), ([two], True), ([one, two], True)):
        bits = max(geometry.layer.sum_bits for geometry in geometries)
        text = rtlil.convert(Drain(geometries, len(geometries), bits, BITS), name="drain")
        assert ("\\upper" in text) is there


def test_one_token_and_one_output():
    rng = np.random.default_rng(5)
    layer = random_layer(rng, tokens=1, outputs=1, sizes=[(3, 8, 0, 0), (3, 4, 3, 1)])
    check([Geometry(layer, 2, 1, 1)], [(0, codes_of(rng, layer, BITS))] * 3)


def test_extremes():
    rng = np.random.default_rng(6)
    layer = random_layer(rng, tokens=4, outputs=4, sizes=[(8, 4, 0, 0), (8, 8, 0, 0)], corners=True)
    calls = [(0, codes_of(rng, layer, BITS, corners=True)) for _ in range(2)]
    check([Geometry(layer, 8, 2, 4)], calls)


def test_lengths_share_what_tensors_do_not_change():
    rng = np.random.default_rng(7)
    sizes = [(6, 4, 4, 0), (6, 8, 0, 1)]
    layers = [
        random_layer(rng, tokens=6, outputs=8, sizes=sizes, digits=digits) for digits in (1, 2)
    ]
    layers += [replace(layer, tokens=3) for layer in layers]
    geometries = [Geometry(layer, 4, 2, 2) for layer in layers]
    calls = [(task, codes_of(rng, layers[task], BITS)) for task in (0, 1, 2, 3, 1, 2)]
    check(geometries, calls, alike=2)
    core = BlockCore(geometries, 2, x_bits=BITS, out_bits=BITS)
    assert len(core.array.edge.weights[0]) == sum(one.loads for one in geometries[:2])


@pytest.mark.parametrize("reset_at", [5, 60, 150])
def test_a_reset_in_mid_run(reset_at):
    check(*some(2), reset_at=reset_at)


def test_utilisation_with_many_tiles_of_outputs():
    """Only the first tile of outputs waits for operands."""
    rng = np.random.default_rng(8)
    layer = random_layer(rng, tokens=16, outputs=64, sizes=[(8, 4, 4, 0)] * 4, order=False)
    geometry = Geometry(layer, 8, 1, 2, 8)
    assert geometry.utilisation == 1.0
    cycles = block_cycles(work_of(layer), fold_of(geometry))
    assert geometry.cycles < cycles < 1.12 * geometry.cycles


def test_the_planner_has_the_constants_of_the_template():
    assert BLOCK_WRITE == Fetch.LATENCY
    assert BLOCK_TURN == Geometry.TURN
    assert BLOCK_DRAIN == Drain.LATENCY
    assert [weight_reach(bits) for bits in (4, 8)] == [reach(1), reach(2)]
    assert [weight_digits(bits) for bits in (2, 4, 5, 8)] == [1, 1, 2, 2]
    for rows, columns in ((1, 1), (8, 3)):
        assert BLOCK_SINK + rows + columns == sink(rows, columns)


def test_layers_of_one_array_have_one_size():
    rng = np.random.default_rng(9)
    layer = random_layer(rng, tokens=2, outputs=2, sizes=[(4, 4, 0, 0)])
    sizes = [Geometry(layer, 2, 1, 1), Geometry(layer, 4, 1, 1)]
    with pytest.raises(ValueError, match="have one size"):
        BlockCore(sizes, 2, x_bits=BITS, out_bits=BITS)
