"""Several samples per multiplication in C++: golden's codes, as many multiplications as planned."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.emit.hls import emit
from hwgen.errors import VerificationError
from hwgen.plan.polynomial import run_form
from hwgen.verify.hls import check_hls
from support.hls import compile_cpp, vendor_headers
from support.products import multiplications
from support.random_polynomials import polynomial_spec
from support.random_positions import positions_spec
from support.specs import compile_spec

TOKENS = """\
hwgen: 1
name: tokens
model:
  inputs: {x: {shape: [7, 6]}}
  layers: [{name: y, op: linear, in: x, features: 8}]
  outputs: [y]
weights: {random: 3}
quantize: {default: {weights: int4, activations: int4, narrow: true}}
accelerator:
  schedule: dataflow
  budget: {multipliers: 24}
  multiplier: packed
  family: xcup
  folding: {y: {elements: 3, outputs: 4, positions: 2}}
"""
IMAGE = """\
hwgen: 1
name: image
model:
  inputs: {x: {shape: [3, 5, 8]}}
  layers: [{name: y, op: conv2d, in: x, channels: 2, kernel: [2, 3], padding: [[0, 0], [1, 1]]}]
  outputs: [y]
weights: {random: 3}
quantize: {default: {weights: int4, activations: int4}}
accelerator: {schedule: dataflow, budget: {multipliers: 200}, multiplier: polynomial, family: ecp5}
"""


@pytest.mark.hls
@pytest.mark.parametrize(
    ("text", "steps", "products"),
    [
        (TOKENS, 4 * 2 * 2, 6),  # runs of two tokens, blocks of four outputs, words of three
        (IMAGE, 4 * 3 * 3, 9),  # rows, runs of three columns, channels
    ],
    ids=["positions", "polynomial"],
)
def test_products_share_multiplications(text, steps, products, tmp_path):
    qgraph, plan = compile_spec(text, tmp_path)
    (engine,) = plan.engines
    form, samples = run_form(engine), 3

    found = multiplications(plan, qgraph, golden.random_inputs(qgraph, samples, 1), tmp_path)

    assert form.products == products
    assert found.pop(form.port_bits) == samples * steps * engine.hard_multipliers
    results = qgraph.tensor("y").elements
    assert found.pop((qgraph.node("y").acc_bits, 16)) == samples * results
    in_tables = steps * 3 * 2 if text is TOKENS else 0  # the fourth output of three words
    assert found.pop((4, 4), 0) == samples * in_tables
    # What is left are known low bits: none of positions, eight in front of nine products.
    lows = {2: 4, 1: 2, 3: 2} if text is IMAGE else {}
    assert found == {(b, b): n * samples * steps * engine.hard_multipliers for b, n in lows.items()}


def extremes(qgraph, count, seed):
    """Return random inputs, of which some hold nothing but the ends of their ranges."""
    inputs, rng = golden.random_inputs(qgraph, count, seed), np.random.default_rng(seed)
    for item in qgraph.inputs:
        codes, ends = inputs[item.name], (item.type.low, item.type.high)
        codes[0], codes[1] = ends
        codes[2] = rng.choice(ends, codes[2].shape)
    return inputs


@pytest.mark.hls
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.nightly) for n in range(1, 40))]
)
def test_random_positions(seed, tmp_path):
    qgraph, plan = compile_spec(positions_spec(seed), tmp_path)
    emit(plan, qgraph, tmp_path)
    check_hls(tmp_path, qgraph, extremes(qgraph, 5, seed))
    assert {(engine.fold.samples, engine.fold.taps) for engine in plan.engines} == {(2, 1)}


@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 140))
def test_random_polynomials(seed, tmp_path):
    qgraph, plan = compile_spec(polynomial_spec(seed), tmp_path)
    emit(plan, qgraph, tmp_path)
    check_hls(tmp_path, qgraph, extremes(qgraph, 5, seed))
    assert any(engine.multiplier.kind == "polynomial" for engine in plan.engines)


@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("text", [TOKENS, IMAGE], ids=["positions", "polynomial"])
def test_vendor_types(text, tmp_path):
    vendor = vendor_headers()
    if vendor is None:
        pytest.skip("hls4ml is not installed")
    qgraph, plan = compile_spec(text, tmp_path)
    emit(plan, qgraph, tmp_path)
    check_hls(tmp_path, qgraph, extremes(qgraph, 5, 1), vendor=vendor)
    for types in ("shim", "vendor"):  # with warnings as errors
        include = [tmp_path, tmp_path / "include"]
        compile_cpp([tmp_path / "top.cpp"], tmp_path / "top.o", types, include, ["-c"])


@pytest.mark.hls
@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        # What is carried into the second run.
        pytest.param(IMAGE, "run > 0", "run > 1", marks=pytest.mark.nightly),
        pytest.param(TOKENS, "field + taken", "field", marks=pytest.mark.nightly),
        pytest.param(IMAGE, "? C::LEAD : 0", "? C::LEAD + 1 : 0", marks=pytest.mark.nightly),
    ],
)
def test_a_planted_bug_is_found(text, right, wrong, tmp_path):
    qgraph, plan = compile_spec(text, tmp_path)
    emit(plan, qgraph, tmp_path)
    changed = 0
    for name in ("lanes.hpp", "mac_runs.hpp"):
        header = tmp_path / "include" / "hwgen" / name
        before = header.read_text()
        header.write_text(before.replace(right, wrong))
        changed += before.count(right)
    assert changed == 1

    with pytest.raises(VerificationError, match=r"HG721|HG722"):
        check_hls(tmp_path, qgraph, golden.random_inputs(qgraph, 3, 1))
