"""Linear layers of 4 and 8 bits in C++: golden's codes, as many multiplications as the array."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.emit.hls import emit
from hwgen.errors import VerificationError
from hwgen.plan.block_cycles import inner_tiles, pass_cycles
from hwgen.verify.hls import check_hls
from rtl_templates.mac_array.geometry import FORM
from support.hls import compile_cpp, vendor_headers
from support.products import multiplications
from support.specs import compile_spec

SPEC = """\
hwgen: 1
name: blocks
model:
  inputs: {{x: {{shape: [{tokens}, 12]}}}}
  layers:
    - {{name: a, op: linear, in: x, features: {features}, activation: relu}}
    - {{name: y, op: linear, in: a, features: 5}}
  outputs: [y]
weights: {{random: {seed}}}
quantize:
  default: {{weights: {weights}, activations: int8, narrow: true, symmetric: {symmetric},
    mixed: {{channels: 4, loss: {loss}}}}}
  layers: {{y: {{weights: {others}}}}}
  calibrate: {{file: c.npz}}
accelerator: {{schedule: sequential, budget: {{multipliers: {multipliers}}}}}
"""


def compiled(folder, seed):
    """Return (qgraph, plan) of two layers: random sizes, widths and signs."""
    rng = np.random.default_rng([41, seed])
    pick = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731
    tokens = int(rng.integers(2, 8))
    values = rng.standard_normal((50, tokens, 12))
    values[..., 1::5] *= 12.0
    np.savez(folder / "c.npz", x=values)
    text = SPEC.format(
        tokens=tokens,
        features=4 * int(rng.integers(1, 5)),
        seed=seed,
        weights=pick("int2", "int3", "int4", "int6", "int8"),
        others=pick("int4", "int8"),
        symmetric=pick("true", "false"),
        loss=pick(0.0, 1.0, 3.0),
        multipliers=4 * int(rng.integers(2, 20)),
    )
    return compile_spec(text, folder)


def extremes(qgraph, count, seed):
    """Return random inputs, of which some hold nothing but the ends of their range."""
    (codes,), (item,) = golden.random_inputs(qgraph, count, seed).values(), qgraph.inputs
    ends = item.type.low, item.type.high
    codes[0], codes[1] = ends
    codes[2] = np.random.default_rng(seed).choice(ends, codes[2].shape)
    return {item.name: codes}


@pytest.mark.hls
def test_a_multiplier_takes_two_tokens_by_two_outputs(tmp_path):
    qgraph, plan = compiled(tmp_path, 20)
    tensors, expected = 4, 0
    for task in plan.tasks:
        fold = plan.engine(task.engine).fold
        steps = sum(
            pass_cycles(task.work, fold, wide)[0] for _, wide in inner_tiles(task.work, fold.rows)
        )
        expected += tensors * steps * fold.rows * -(-task.work.outputs * task.work.digits // 2)

    found = multiplications(plan, qgraph, extremes(qgraph, tensors, 1), tmp_path)

    assert {task.work.digits for task in plan.tasks} == {1, 2}
    assert {block.bits for task in plan.tasks for block in task.work.blocks} == {4, 8}
    assert qgraph.inputs[0].shape[0] % 2
    assert found.pop(FORM.port_bits) == expected
    assert {right for _, right in found} == {16}  # those of results


@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(24))
def test_random_layers(seed, tmp_path):
    qgraph, plan = compiled(tmp_path, seed)
    emit(plan, qgraph, tmp_path)
    check_hls(tmp_path, qgraph, extremes(qgraph, 5, seed))


@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.skipif(vendor_headers() is None, reason="hls4ml is not installed")
def test_vendor_types(tmp_path):
    qgraph, plan = compiled(tmp_path, 20)
    emit(plan, qgraph, tmp_path)
    check_hls(tmp_path, qgraph, extremes(qgraph, 5, 1), vendor=vendor_headers())
    for types in ("shim", "vendor"):  # with warnings as errors
        include = [tmp_path, tmp_path / "include"]
        compile_cpp([tmp_path / "top.cpp"], tmp_path / "top.o", types, include, ["-c"])


@pytest.mark.hls
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(sum[1][q] << 4)", "(sum[1][q] << 3)"),  # the upper digits of operands
        *(
            pytest.param(*bug, marks=pytest.mark.nightly)
            for bug in (
                ("(acc[p][1] << 4) - acc[p][1]", "(acc[p][1] << 4)"),  # and of weights
                ("wide && token + 1 < tokens", "wide && token == 0"),  # a token that is not there
                ("task.is_signed ? 0 : block_middle(bits)", "0"),
            )
        ),
    ],
)
def test_a_planted_bug_is_found(right, wrong, tmp_path):
    qgraph, plan = compiled(tmp_path, 20)
    emit(plan, qgraph, tmp_path)
    header = tmp_path / "include" / "hwgen" / "block_linear.hpp"
    before = header.read_text()
    assert before.count(right) == 1
    header.write_text(before.replace(right, wrong))

    with pytest.raises(VerificationError, match="HG721"):
        check_hls(tmp_path, qgraph, golden.random_inputs(qgraph, 4, 1))
