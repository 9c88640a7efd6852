"""Operands of 4 and 8 bits, against plain loops and against an array of 4-bit multipliers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, QType, get_op
from hwgen.ops.blocks import Blocks, operand_range, passes

LINEAR = get_op("linear")


@st.composite
def layers(draw):
    """Draw a lowered linear layer whose input has blocks, its blocks and its type."""
    size, count = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    channels, seed = size * count, draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    bits = draw(st.integers(4, 16))
    signed = draw(st.booleans())
    zero_point = 0 if signed else draw(st.sampled_from([0, 0, 24, (1 << bits) - 1]))
    kind = QType(bits, signed, 0.1, zero_point % (1 << bits))
    blocks = Blocks(
        order=random.permutation(channels),
        size=size,
        bits=tuple(draw(st.sampled_from([4, 8])) for _ in range(count)),
        shifts=tuple(draw(st.integers(0, bits)) for _ in range(count)),
        signed=signed,
        zero_point=kind.zero_point,
    )
    arrays = {"weight": random.standard_normal((5, channels)), "bias": random.standard_normal(5)}
    params = LINEAR.Params.model_validate({"features": 5})
    lowered = LINEAR.lower(
        params, arrays, [(channels,)], [kind], QType(8, True, 1.0), LowerOptions(4, blocks=blocks)
    )
    codes = random.integers(kind.low, kind.high, (9, channels), endpoint=True)
    codes[0], codes[1] = kind.low, kind.high
    return lowered, blocks, kind, codes


def operands(blocks, row):
    """Yield block, channel and operand of each place, by plain integers."""
    for place, channel in enumerate(blocks.order.tolist()):
        block = place // blocks.size
        shift, code = blocks.shifts[block], int(row[channel])
        rounded = (code + (1 << shift) // 2) // (1 << shift)
        low, high = operand_range(blocks.bits[block], blocks.signed)
        yield block, channel, min(max(rounded, low), high)


def requantised(requant, acc, channel):
    scaled = acc * int(requant.multiplier[channel % len(requant.multiplier)])
    value = (scaled + (1 << requant.shift) // 2) // (1 << requant.shift) + requant.zero_point
    return min(max(value, requant.low), requant.high)


@settings(max_examples=60, deadline=None)
@given(layers())
def test_codes_equal_the_loops(layer):
    lowered, blocks, kind, codes = layer
    got = LINEAR.integer(lowered, [codes])
    low, high = LINEAR.accumulator(lowered, [codes.shape[1:]], [kind])
    weight, bias = lowered.constants["weight"], lowered.constants["bias"]
    for row, results in zip(codes, got, strict=True):
        for output in range(5):
            acc = int(bias[output])
            for block, channel, operand in operands(blocks, row):
                acc += operand * int(weight[output, channel]) << blocks.shifts[block] - blocks.unit
                assert low <= acc <= high
            assert results[output] == requantised(lowered.requant, acc, output)


@settings(max_examples=60, deadline=None)
@given(layers())
def test_an_array_of_four_bit_multipliers_gives_the_same_sums(layer):
    """A block of 8 bits is two passes of digits; each block's sum is shifted once."""
    lowered, blocks, _, codes = layer
    weight = lowered.constants["weight"]
    exact = (blocks.rounded(codes) >> blocks.unit) @ weight.T
    low, high = operand_range(4, blocks.signed)
    for row, wanted in zip(codes, exact, strict=True):
        acc, taken = np.zeros(5, np.int64), 0
        for block, bits in enumerate(blocks.bits):
            mine = [(c, x) for b, c, x in operands(blocks, row) if b == block]
            total = np.zeros(5, np.int64)
            for digit in reversed(range(bits // 4)):
                taken += 1
                total *= 16
                for channel, operand in mine:
                    value = operand
                    if bits == 8:
                        lower = (operand - low) % 16 + low
                        value = lower if digit == 0 else (operand - lower) // 16
                    assert low <= value <= high
                    total += value * weight[:, channel]
            acc += total << blocks.shifts[block] - blocks.unit
        assert acc.tolist() == wanted.tolist()
        assert taken == passes(blocks.bits)


@settings(max_examples=60, deadline=None)
@given(layers())
def test_results_mean_what_the_rounded_codes_mean(layer):
    lowered, blocks, kind, codes = layer
    real = (blocks.rounded(codes) - kind.zero_point) * kind.scale
    weight = lowered.constants["weight"] * np.array(lowered.attrs["weight_scale"])[:, None]
    step = kind.scale * (1 << blocks.unit) * np.array(lowered.attrs["weight_scale"])
    folded = (lowered.constants["bias"]) * step
    folded += (kind.zero_point >> blocks.unit) * lowered.constants["weight"].sum(axis=1) * step
    wanted = np.clip(real @ weight.T + folded, -128, 127)
    assert np.abs(LINEAR.integer(lowered, [codes]) - wanted).max() < 0.6


def test_steps_of_one_code_and_enough_bits_change_nothing():
    codes = np.arange(-128, 120)[None]
    blocks = Blocks(np.arange(248), 248, (8,), (0,), signed=True)
    assert np.array_equal(blocks.rounded(codes), codes)
    assert blocks.rounded(np.full((1, 248), 127)).max() == 119


@pytest.mark.parametrize("signed", [True, False])
def test_four_bits_round_half_up_and_saturate(signed):
    blocks = Blocks(np.array([0, 1, 2, 3]), 4, (4,), (2,), signed=signed)
    codes = np.array([[5, 6, 27, 30], [-6, -7, -32, -40], [60, 61, 62, 63]])
    wanted = [[4, 8, 28, 28], [-4, -8, -32, -32], [28] * 4]
    if not signed:
        codes, wanted = codes[[0, 2]], [[4, 8, 28, 32], [60] * 4]
    assert blocks.rounded(codes).tolist() == wanted


def test_blocks_survive_their_attributes():
    blocks = Blocks(np.array([2, 0, 1, 3]), 2, (4, 8), (3, 1), signed=False, zero_point=6)
    again = Blocks.of({**blocks.attrs(), "pad": 6}, {"order": blocks.order})
    codes = np.arange(256).reshape(-1, 4)
    assert np.array_equal(blocks.rounded(codes), again.rounded(codes))
    assert (again.unit, again.four) == (1, 1)
    assert Blocks.of({"pad": 0}, {}) is None
