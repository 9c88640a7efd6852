"""Mistakes in the lengths of sequences: place, what is wrong, what is legal."""

import pytest

from hwgen.cli import main
from hwgen.errors import SpecError
from hwgen.graph import check_model
from support.spec_texts import only, write
from support.specs import compile_spec


def spec(inputs, layer="op: linear, in: x, features: 4", schedule="sequential"):
    return f"""\
hwgen: 1
name: net
model:
  inputs: {{{inputs}}}
  layers:
    - {{name: y, {layer}}}
  outputs: [y]
weights: {{random: 3}}
accelerator: {{schedule: {schedule}, budget: {{multipliers: 16}}}}
"""


ATTENTION = "op: attention, heads: 2, causal: true, tile: 8, in: "
# name: (spec with an @ where the mistake is, code, words of the message, words of the hint)
CASES = {
    "no token": (spec("x: {shape: [6, 8], lengths: [6, @0]}"), "HG113", "at least 1, not 0", ""),
    "no length": (spec("x: {shape: [6, 8], lengths: @[]}"), "HG113", "lengths", ""),
    "longer than the shape": (
        spec("x: @{shape: [6, 8], lengths: [7, 6]}"),
        "HG435", "lengths up to 7, and a shape of 6 tokens", "shape: [7, 8], or lengths: [6]",
    ),
    "all shorter than the shape": (
        spec("x: @{shape: [6, 8], lengths: [2, 1]}"),
        "HG435", "lengths up to 2, and a shape of 6 tokens", "lengths: [6, 2, 1]",
    ),
    "twice": (
        spec("x: @{shape: [6, 8], lengths: [6, 1, 1]}"),
        "HG435", "a length twice: [6, 1, 1]", "each length once",
    ),
    "of an image": (
        spec("x: @{shape: [1, 6, 8], lengths: [1]}", "op: conv2d, in: x, channels: 2, kernel: 1"),
        "HG435", "lengths, but is an image", "[tokens, features]",
    ),
    "two inputs of different lengths": (
        spec("x: {shape: [6, 8], lengths: [6, 1]}, z: @{shape: [6, 8], lengths: [6, 2]}",
             "op: add, in: [x, z]"),
        "HG436", "'z' has lengths [6, 2], and 'x' [6, 1]", "the same lengths",
    ),
    "only one of two": (
        spec("x: {shape: [6, 8], lengths: [6, 1]}, z: {shape: [6, 8]}", "op: add, in: [x, z]")
        .replace("- {name", "- @{name"),
        "HG437", "'y' with 1 tokens: ", "",
    ),
    "features that follow the tokens": (
        spec("x: {shape: [6, 8], lengths: [6, 1]}", "op: flatten, in: x")
        .replace("- {name", "- @{name"),
        "HG437", "'y' has results of shape [48], and of [8] with 1 tokens", "a row for each",
    ),
    "scores of all tokens": (
        spec("x: {shape: [6, 8], lengths: [6, 1]}", "op: matmul, in: [x, x], transpose_b: true")
        .replace("- {name", "- @{name"),
        "HG437", "'y' has results of shape [6, 6], and of [1, 1] with 1 tokens", "a row for each",
    ),
    "the mean of all tokens": (
        spec("x: {shape: [6, 8], lengths: [6, 1]}", "op: global_avg_pool, in: x")
        .replace("- {name", "- @{name"),
        "HG437", "'y' has results of shape [8], and of [8] with 1 tokens", "a row for each",
    ),
    "every second token": (
        spec("x: {shape: [6, 8], lengths: [6, 1]}",
             "op: conv1d, in: x, channels: 8, kernel: 1, stride: 2").replace("- {name", "- @{name"),
        "HG437", "'y' has results of shape [3, 8], and of [1, 8] with 1 tokens", "a row for each",
    ),
    "rows of the tensor before": (
        spec("x: {shape: [6, 8], lengths: [6, 1]}", "op: delay, in: x, rows: 2")
        .replace("- {name", "- @{name"),
        "HG437", "delay 'y' keeps rows from tensor to tensor", "leave out the lengths",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "message", "hint"), CASES.values(), ids=CASES)
def test_a_mistake_is_reported_at_its_place(tmp_path, capsys, text, code, message, hint):
    path, mark = write(tmp_path, text)

    with pytest.raises(SpecError) as caught:
        check_model(path)

    found = only(caught.value)
    assert found.code == code, str(found)
    assert found.where == mark, str(found)
    assert message in found.message
    assert hint in found.hint
    assert main(["check", str(path)]) == 2
    assert f"{path}:{mark.line}:{mark.column}: {code}: " in capsys.readouterr().err


def test_a_dataflow_plan_has_one_length(tmp_path):
    text = spec("x: {shape: [6, 8], lengths: [6, 1]}", schedule="dataflow")
    with pytest.raises(SpecError, match="HG438: tensors of 6, 1 tokens with schedule dataflow"):
        compile_spec(text, tmp_path)


def test_one_length_is_no_choice(tmp_path):
    qgraph, plan = compile_spec(spec("x: {shape: [6, 8], lengths: [6]}"), tmp_path)
    assert qgraph.lengths == plan.lengths == ()


def test_a_fixed_memory_beside_tokens_that_come(tmp_path):
    """Cross-attention: only what comes from the tokens has their number of rows."""
    inputs = "x: {shape: [6, 8], lengths: [1, 6]}, k: {shape: [5, 8]}"
    layer = ATTENTION.replace("causal: true", "causal: false") + "[x, k, k]"
    qgraph, plan = compile_spec(spec(inputs, layer), tmp_path)
    assert qgraph.lengths == plan.lengths == (6, 1)
    assert [tensor.sequence for tensor in qgraph.inputs] == [True, False]
    assert plan.at(1).task("y").work.attend.queries == 1
    assert plan.at(1).task("y").work.attend.keys == 5
    assert plan.at(1).placement("k").elements == plan.placement("k").elements
    assert plan.at(1).placement("x").address == plan.placement("x").address
