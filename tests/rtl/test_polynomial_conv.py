"""Packed convolutions equal NumPy's, at any size, under any stall, in as many cycles as stated."""

import random

import numpy as np
import pytest

from rtl_templates.arith.codes import Codes
from rtl_templates.arith.requantize import Scale
from rtl_templates.conv import polynomial_conv
from rtl_templates.conv.polynomial_conv import PolynomialConv1d, PolynomialConv2d
from rtl_templates.mac.polynomial_core import PolynomialCore
from rtl_templates.mac.run_drain import RunDrain
from rtl_templates.mac.runs import RunFold, Runs
from support.prove import mutant
from support.streams import drive, pack, unpack

SCALE = Scale(6, 1, -8, 7)


def convolved(x, weights, padding, pad, step, apart):
    """Return (rows, columns, outputs) sums, by loops over the taps."""
    x = np.pad(x, ((0, 0), *padding), constant_values=pad)
    _, kernel, taps = weights.shape[1:]
    rows = (x.shape[1] - (kernel - 1) * apart - 1) // step + 1
    columns = x.shape[2] - taps + 1
    sums = np.zeros((rows, columns, len(weights)), dtype=np.int64)
    for r in range(kernel):
        for c in range(taps):
            part = x[:, r * apart : r * apart + (rows - 1) * step + 1 : step, c : c + columns]
            sums += np.einsum("cyx,oc->yxo", part, weights[:, :, r, c])
    return sums


class Case:
    """A random convolution, the component for it, and what it yields."""

    def __init__(self, seed, **fixed):
        rng = np.random.default_rng(seed)
        draw = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731
        self.one_line = fixed.get("one_line", bool(rng.integers(2)))
        self.bits, w_bits, signed = draw(2, 3, 4, 4), draw(2, 3, 4, 4), bool(rng.integers(2))
        kernel = 1 if self.one_line else draw(1, 2, 3)
        taps = fixed.get("taps", draw(2, 3, 3, 5, 7))
        channels = draw(1, 2, 3, 5)
        width = fixed.get("width", draw(taps, taps + 1, taps + 4, 11))
        height = 1 if self.one_line else kernel + draw(1, 2)
        outputs = fixed.get("outputs", draw(1, 2, 4, 6))
        self.x = Codes(self.bits, signed)
        self.pad = draw(0, 0, self.x.high, self.x.low)
        narrow = int(rng.integers(2))
        low = -(1 << (w_bits - 1)) + narrow
        self.weights = rng.integers(low, -low + narrow, (outputs, channels, kernel, taps))
        self.biases = rng.integers(-30, 30, outputs)
        self.factors = rng.integers(1, 9, outputs)
        sides = [int(rng.integers(0, size)) for size in (kernel, kernel, taps, taps)]
        sides[2:] = fixed.get("sides", sides[2:])
        padding = ((sides[0], sides[1]), (sides[2], sides[3]))
        self.step, self.apart = (1, 1) if self.one_line else (draw(1, 2), 1)
        self.shape = channels, height, width
        self.padding = padding
        block = draw(*[n for n in range(1, outputs + 1) if outputs % n == 0])
        block = fixed.get("block", block)
        fold = RunFold(
            rows=draw(1, kernel),
            elements=draw(*range(1, channels + 1), channels),
            outputs=block,
            lanes=draw(*[n for n in (1, 2, 4) if block % n == 0]),
        )
        self.fold = fold
        size = channels * height * width
        self.beat = draw(*[n for n in (1, 2, 4) if size % n == 0])
        keys = {
            "x": self.x,
            "biases": self.biases.tolist(),
            "multipliers": self.factors.tolist(),
            "scale": SCALE,
            "out_bits": 4,
            "fold": fold,
            "pad": self.pad,
            "beat": self.beat,
            "ports": draw((18, 18), (16, 16), (25, 18)),
        }
        if self.one_line:
            self.dut = PolynomialConv1d(
                tokens=width,
                features=channels,
                weights=self.weights[:, :, 0].tolist(),
                padding=padding[1],
                **keys,
            )
        else:
            self.dut = PolynomialConv2d(
                height=height,
                width=width,
                channels=channels,
                weights=self.weights.tolist(),
                padding=padding,
                step=self.step,
                apart=self.apart,
                **keys,
            )

    def tensors(self, seed, count):
        rng = np.random.default_rng(seed)
        x = rng.integers(self.x.low, self.x.high + 1, (count, *self.shape))
        x[0] = self.x.low if self.x.signed else self.x.high
        return x

    def results(self, x):
        sums = convolved(x, self.weights, self.padding, self.pad, self.step, self.apart)
        scaled = (sums + self.biases) * self.factors + SCALE.half
        return np.clip((scaled >> SCALE.shift) + SCALE.zero_point, SCALE.low, SCALE.high)

    def run(self, count=3, **keys):
        x = self.tensors(1, count)
        stream = x.transpose(0, 2, 3, 1).ravel().tolist()
        wanted = np.concatenate([self.results(one).ravel() for one in x]).tolist()
        lanes = self.fold.lanes
        seen = drive(self.dut, [pack(stream, self.beat, self.bits)], len(wanted) // lanes, **keys)
        assert unpack(seen.beats, lanes, 4, True) == wanted
        return seen, len(wanted) // lanes // count


@pytest.mark.parametrize("seed", range(12))
def test_random_convolutions(seed):
    Case(seed).run()


@pytest.mark.parametrize("seed", range(20, 26))
def test_stalls_and_reset(seed):
    Case(seed).run(rng=random.Random(seed), reset_at=15 + seed)


@pytest.mark.parametrize("outputs", [4, 2], ids=["one_block", "two_blocks"])
@pytest.mark.parametrize("one_line", [True, False])
@pytest.mark.parametrize("taps", [3, 5])
def test_cycles(taps, one_line, outputs):
    """Every step is issued once, runs follow without a gap, and the first beat comes as stated."""
    case = Case(7, taps=taps, one_line=one_line, outputs=4, block=outputs)
    dut, runs = case.dut, case.dut.runs
    seen, beats = case.run(count=4)
    assert seen.active == 4 * dut.walk.steps
    ends = seen.cycles[beats - 1 :: beats]
    assert ends[3] - ends[2] == max(dut.cycles, np.prod(case.shape) // case.beat)
    part = case.fold.outputs // case.fold.lanes
    blocks, length = 4 // outputs, max(dut.walk.least_steps, runs.samples * part)
    # The group's first step follows the last element that its run touches.
    start = seen.taken[0][-(-dut.core.mover.need.init // case.beat) - 1] + 1
    steps = dut.walk.least_steps if dut.walk.skips else dut.walk.group_steps
    latency = PolynomialCore.latency(case.fold.rows * case.fold.elements)
    latency += RunDrain.late(runs, blocks, part, True)
    assert seen.offered == start + (blocks - 1) * length + steps - 1 + latency + 1


def test_runs_cover_every_result_once():
    for samples, together, taps in [(3, 3, 3), (3, 3, 5), (2, 3, 7), (4, 3, 3)]:
        for before in range(taps):
            runs = Runs(samples, together, taps, before, 11)
            results = [
                b * samples - runs.lead + i
                for b in range(runs.count)
                for i in range(*runs.valid(b == 0, b == runs.count - 1))
            ]
            assert results == list(range(11))
            assert sorted(
                runs.tap(part, place)
                for part in range(runs.passes)
                for place in range(together)
                if runs.tap(part, place) is not None
            ) == list(range(taps))


@pytest.mark.parametrize(
    ("seed", "old", "new"),
    [
        (2, "Mux(first_run, 0, carried[", "Mux(0, 0, carried["),
        (2, "m.d.sync += first.eq(last)", "m.d.sync += first.eq(first)"),
        (6, "& (y < walk.elements)", ""),
        (2, "add_with_carry(before, partial, carry)", "before + partial"),
    ],
)
def test_a_planted_bug_is_found(seed, old, new, monkeypatch):
    monkeypatch.setattr(polynomial_conv, "PolynomialCore", mutant(PolynomialCore, old, new))
    keys = {"taps": 3, "one_line": False, "outputs": 4, "block": 2, "width": 12, "sides": (2, 0)}
    with pytest.raises(AssertionError):
        Case(seed, **keys).run()


def test_illegal_sizes_are_refused():
    with pytest.raises(ValueError, match="Outputs must divide"):
        Case(1, outputs=4, block=3)
    with pytest.raises(ValueError, match="carry over too many"):
        Runs(2, 4, 5, 1, 8)
