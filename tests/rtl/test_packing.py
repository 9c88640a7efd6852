"""Packed products equal plain ones: the arithmetic exhaustively, the hardware on samples.

``tests/proofs/test_packing.py`` proves the hardware for all operands.
"""

import itertools
import random

import numpy as np
import pytest

from rtl_templates.packing.forms import W4A4, WIDER, convolution_form, matrix_form
from rtl_templates.packing.lanes import Lanes, Range, fit
from rtl_templates.packing.pack import Pack, digits
from rtl_templates.packing.products import PackedProducts
from support.streams import bench_of

FORMS = W4A4 | WIDER
PORTS = {
    name: tuple(int(size) for size in name.removesuffix("_full").rsplit("_", 1)[1].split("x"))
    for name in FORMS
}
_MOST = 1_000_000


def _operands(form):
    """Return all combinations of operands, or a million of them with all corners."""
    ranges = [form.a] * form.counts[0] + [form.w] * form.counts[1]
    sizes = [r.high - r.low + 1 for r in ranges]
    if np.prod(sizes, dtype=float) <= _MOST:
        grid = np.meshgrid(*(np.arange(r.low, r.high + 1) for r in ranges), indexing="ij")
        numbers = np.stack([axis.ravel() for axis in grid])
    else:
        rng = np.random.default_rng(1)
        numbers = np.stack([rng.integers(r.low, r.high + 1, _MOST) for r in ranges])
        corners = np.array(list(itertools.product(*((r.low, 0, r.high) for r in ranges)))).T
        numbers[:, : corners.shape[1]] = corners
    return numbers[: form.counts[0]], numbers[form.counts[0] :]


def _plain(form, a, w):
    """Return the values of the lanes, product by product."""
    values = [0] * len(form.lanes.ranges)
    for i, j in itertools.product(range(form.counts[0]), range(form.counts[1])):
        values[form.lane(i, j)] = values[form.lane(i, j)] + a[i] * w[j]
    return values


def _known(form, values):
    return [
        values[lane + 1] & ((1 << form.lanes.overlap(lane)) - 1) for lane in range(len(values) - 1)
    ]


def _wide(form, a, w):
    sums = [
        sum(number << (k * stride) for k, number in enumerate(numbers))
        for numbers, stride in zip((a, w), form.strides, strict=True)
    ]
    return sums[0] * sums[1]


@pytest.mark.parametrize("name", FORMS)
def test_lanes_of_a_wide_product_are_the_products(name):
    form = FORMS[name]
    a, w = _operands(form)
    values = _plain(form, a, w)
    got = form.lanes.split(_wide(form, a, w), _known(form, values))
    for lane, (value, want) in enumerate(zip(got, values, strict=True)):
        assert np.array_equal(value, want), f"lane {lane}"


@pytest.mark.nightly
def test_all_products_of_three_samples_and_three_taps():
    form = W4A4["convolution_18x18"]
    codes = np.arange(-7, 8)
    w = np.stack([axis.ravel() for axis in np.meshgrid(codes, codes, codes)])
    for first in codes:
        others = np.stack([axis.ravel() for axis in np.meshgrid(codes, codes)])
        a = np.vstack([np.full(others.shape[1], first), others])[:, :, None]
        values = _plain(form, a, w[:, None])
        got = form.lanes.split(_wide(form, a, w[:, None]), _known(form, values))
        assert all(np.array_equal(*pair) for pair in zip(got, values, strict=True))


@pytest.mark.parametrize("name", FORMS)
def test_forms_fit_their_multiplier(name):
    assert FORMS[name].fits(PORTS[name])


def test_multiply_accumulates_per_multiplier():
    counts = {name: form.products for name, form in W4A4.items()}
    assert counts == {
        "matrix_18x18": 4,
        "vector_18x18": 3,
        "convolution_18x18": 9,
        "matrix_16x16": 4,
        "matrix_18x18_full": 4,
        "matrix_25x18": 6,
        "matrix_27x18": 6,
        "convolution_25x18": 12,
    }


def test_what_does_not_fit_is_refused():
    full = Range.signed(4)
    with pytest.raises(ValueError, match=r"\[-56, 64\] does not fit 6 bits and 0"):
        matrix_form(full, full, (2, 2), 6)
    narrow = Range.signed(4, narrow=True)
    with pytest.raises(ValueError, match=r"Lane 2 .* \[-147, 147\]"):
        convolution_form(narrow, narrow, (3, 3), 7, (0, 1, 1, 1))
    with pytest.raises(ValueError, match="too narrow"):
        Pack(full, 2, 4)
    assert not matrix_form(full, full, (2, 2), 8).fits((18, 18))


@pytest.mark.parametrize("seed", range(3))
def test_digits_add_up(seed):
    rng = random.Random(seed)
    for _ in range(300):
        numbers = [rng.randrange(-7, 8) for _ in range(4)]
        parts = digits(numbers, 7)
        assert all(-8 <= part <= 7 for part in parts)  # no wider than the numbers
        packed = sum((part & 127) << (7 * k) for k, part in enumerate(parts[:-1]))
        packed += parts[-1] << 21
        assert packed == sum(number << (7 * k) for k, number in enumerate(numbers))


def test_ports_are_as_wide_as_the_operands_need():
    for operand, count, stride in itertools.product(
        (Range.signed(3), Range.unsigned(3), Range(-2, 5)), (1, 2, 3), (4, 5)
    ):
        numbers = range(operand.low, operand.high + 1)
        sums = [
            sum(number << (k * stride) for k, number in enumerate(choice))
            for choice in itertools.product(numbers, repeat=count)
        ]
        bits = fit(operand, count, stride)
        assert -(1 << (bits - 1)) <= min(sums) <= max(sums) < 1 << (bits - 1)
        assert min(sums) < -(1 << (bits - 2)) or max(sums) >= 1 << (bits - 2)


def test_range_arithmetic():
    assert Range(-8, 7) * Range(-8, 7) == Range(-56, 64)
    assert Range(0, 15) * Range(-8, 7) == Range(-120, 105)
    assert Lanes((Range(-3, 3), Range(0, 1)), 3).bits == 5


@pytest.mark.parametrize("name", FORMS)
def test_hardware_splits_products(name):
    form = FORMS[name]
    dut = PackedProducts(form)
    a, w = _operands(form)
    chosen = np.random.default_rng(2).integers(0, a.shape[1], 200)
    chosen[:40] = np.arange(40)

    async def body(ctx, reset):
        sent = []
        for index in [*chosen.tolist(), 0, 0]:
            numbers = [part[:, index].tolist() for part in (a, w)]
            for port, operand, values in zip(
                (dut.a, dut.w), (form.a, form.w), numbers, strict=True
            ):
                mask = (1 << operand.bits) - 1
                ctx.set(port, sum((v & mask) << (k * operand.bits) for k, v in enumerate(values)))
            sent.append(_plain(form, *numbers))
            if len(sent) > dut.LATENCY:
                assert _values(ctx, dut) == sent[-1 - dut.LATENCY]
            await ctx.tick()

    bench_of(dut, body)


def _bits(numbers, width):
    return sum((number & ((1 << width) - 1)) << (k * width) for k, number in enumerate(numbers))


def _values(ctx, dut):
    fields, carries = ctx.get(dut.fields), ctx.get(dut.carries)
    values = []
    for lane, width in enumerate(dut.decode.widths):
        field = fields & ((1 << width) - 1)
        field -= (field >> (width - 1)) << width
        values.append(field + (carries >> lane & 1))
        fields >>= width
    return values
