"""The grid of packed multipliers against plain matrix products, a step a cycle, loads included."""

import numpy as np
import pytest

from rtl_templates.mac_array.fabric_tile import sized_weights
from rtl_templates.mac_array.grid import TileGrid
from rtl_templates.mac_array.tile import Tile, digit_bits, packed_digits, sum_bits
from rtl_templates.packing.forms import W4A4
from rtl_templates.packing.lanes import Range
from support.streams import bench_of

FORM = W4A4["matrix_18x18"]


def _passes(rng, rows, columns, corners):
    """Return (weights, steps of activations) of passes, the shortest there can be among them."""
    passes = []
    for steps in (columns, columns + 3, columns, columns + 1):
        low, high = ([-7, 7], [-8, 7]) if corners else (range(-7, 8), range(-8, 8))
        passes.append(
            (
                rng.choice(list(low), (rows, 2 * columns)),
                rng.choice(list(high), (steps, rows, 2)),
            )
        )
    return passes


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize(
    ("rows", "columns", "fabric"), [(1, 1, 0), (5, 3, 0), (3, 4, 2), (2, 2, 2)]
)
def test_sums_leave_on_time_while_weights_are_loaded(rows, columns, fabric, corners):
    dut = TileGrid(FORM, rows, columns, fabric=fabric)
    passes = _passes(np.random.default_rng(rows), rows, columns, corners)
    steps = [(weights, x) for weights, xs in passes for x in xs]
    begins = columns + np.cumsum([0] + [len(xs) for _, xs in passes])
    trains = [0, *begins[:-2]]  # each in the cycle in which the one before is taken into use

    def edge(cycle):
        """Return a, w, swap and load of a cycle."""
        ports = [0, 0, 0, 0]
        for r in range(rows):
            at = cycle - r
            if 0 <= at - columns < len(steps):
                _, x = steps[at - columns]
                ports[0] |= packed_digits(FORM.a, 7, x[r].tolist()) << (r * dut.a_bits)
                ports[2] |= int(at in begins[:-1]) << r
            for (weights, _), begin in zip(passes, trains, strict=True):
                if 0 <= at - begin < columns:
                    k = columns - 1 - (at - begin)
                    pair = weights[r, 2 * k : 2 * k + 2].tolist()
                    word = packed_digits(FORM.w, 14, pair)
                    if k >= columns - fabric:
                        word = sized_weights(pair)
                    ports[1] |= word << (r * dut.w_bits)
                    ports[3] |= 1 << r
        return ports

    async def body(ctx, reset):
        seen = 0
        for cycle in range(begins[-1] + dut.latency + columns):
            for port, value in zip((dut.a, dut.w, dut.swap, dut.load), edge(cycle), strict=True):
                ctx.set(port, value)
            sums = ctx.get(dut.sums)
            for k in range(columns):
                step = cycle - columns - dut.latency - k
                if 0 <= step < len(steps):
                    weights, x = steps[step]
                    want = weights[:, 2 * k : 2 * k + 2].T @ x  # output, token: as the lanes
                    assert _lanes(sums, k, dut.sum_bits) == want.ravel().tolist()
                    seen += 1
            await ctx.tick()
        assert seen == columns * len(steps)

    bench_of(dut, body)


def _lanes(sums, column, bits):
    lanes = [sums >> ((4 * column + lane) * bits) & ((1 << bits) - 1) for lane in range(4)]
    return [lane - (lane >> (bits - 1) << bits) for lane in lanes]


def test_sums_are_as_wide_as_their_range():
    assert [sum_bits(FORM, terms) for terms in (1, 2, 4, 8, 16)] == [7, 8, 9, 10, 11]
    assert digit_bits(FORM.a, 2) == [4, 5]  # -8 less a borrow
    assert digit_bits(FORM.w, 2) == [4, 4]
    assert packed_digits(Range(-7, 7), 14, [-3, 5]) == 0x4D


def test_a_form_with_an_overlap_is_refused():
    with pytest.raises(ValueError, match="lanes do not overlap"):
        Tile(W4A4["matrix_16x16"], 0)
