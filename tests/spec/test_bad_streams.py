"""Specs that cannot be streamed: code, place and what would be legal."""

import pytest

from hwgen.errors import SpecError
from hwgen.graph import check_model

HEAD = """\
hwgen: 1
name: bad
model:
  inputs: {%s}
  layers:
%s
  outputs: [y]
weights: {random: 1}
accelerator: {schedule: dataflow, budget: {multipliers: 8}}
stream: {chunk: %s}
"""
SIGNAL = "x: {shape: [64, 2]}"


def mistakes(tmp_path, layers, chunk=4, inputs=SIGNAL, tail=""):
    path = tmp_path / "spec.yaml"
    path.write_text(
        HEAD % (inputs, "\n".join(f"    - {{{line}}}" for line in layers), chunk) + tail
    )
    with pytest.raises(SpecError) as error:
        check_model(path)
    return error.value.diagnostics


def conv(name, source, **keys):
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return f"name: {name}, op: conv1d, in: {source}, channels: 2, kernel: 4{more}"


def test_a_chunk_is_a_multiple_of_the_strides(tmp_path):
    layers = [conv("a", "x", stride=3), conv("y", "a", stride=2)]
    (mistake,) = mistakes(tmp_path, layers, chunk=14)

    assert mistake.code == "HG455"
    assert "chunk 14 is not a multiple of 6" in mistake.message
    assert (mistake.where.line, mistake.where.column) == (11, 17)
    assert mistake.hint == "a multiple of 6, such as 12, 18, 24"


def test_a_chunk_is_at_least_the_strides(tmp_path):
    (mistake,) = mistakes(tmp_path, [conv("y", "x", stride=3)], chunk=2)

    assert mistake.hint == "a multiple of 3, such as 3, 6"


@pytest.mark.parametrize("chunk", ["0", "-1", "1.5", "{}"])
def test_a_chunk_is_a_count(tmp_path, chunk):
    codes = {mistake.code for mistake in mistakes(tmp_path, [conv("y", "x")], chunk=chunk)}
    assert codes <= {"HG112", "HG113"}


@pytest.mark.parametrize(
    "layer",
    [
        "name: y, op: flatten, in: x",
        "name: y, op: argmax, in: a",
        "name: y, op: matmul, in: [x, x], transpose_b: true",
        "name: y, op: delay, in: x, rows: 1",
    ],
)
def test_ops_that_need_more_than_a_window(tmp_path, layer):
    layers = [layer] if "in: a" not in layer else ["name: a, op: flatten, in: x", layer]
    found = mistakes(tmp_path, layers)

    assert {mistake.code for mistake in found} == {"HG456"}
    assert "row by row" in found[0].hint


def test_a_dense_layer_of_an_image_takes_all_its_rows(tmp_path):
    inputs = "x: {shape: [1, 8, 4]}"
    (mistake,) = mistakes(tmp_path, ["name: y, op: linear, in: x, features: 3"], inputs=inputs)
    assert mistake.code == "HG456"


@pytest.mark.parametrize("padding", ["same", "causal", "[0, 1]"])
def test_rows_are_not_reflected(tmp_path, padding):
    layers = [conv("y", "x", padding=padding, padding_mode="reflect")]
    (mistake,) = mistakes(tmp_path, layers)

    assert mistake.code == "HG440"
    assert "conv1d y" in mistake.message
    assert "have not come yet" in mistake.message
    assert mistake.where.line == 6
    assert "padding_mode: zero" in mistake.hint


def test_paths_of_different_strides_cannot_meet(tmp_path):
    # Offline both are 31 tokens long.
    layers = [
        conv("a", "x", stride=2),
        "name: b, op: conv1d, in: x, channels: 2, kernel: 34",
        "name: y, op: add, in: [a, b]",
    ]
    (mistake,) = mistakes(tmp_path, layers)

    assert mistake.code == "HG457"
    assert "a one in 2, b one in 1" in mistake.message
    assert mistake.where.line == 8


def test_inputs_have_rows(tmp_path):
    layers = ["name: y, op: relu, in: x"]
    (mistake,) = mistakes(tmp_path, layers, inputs="x: {shape: [64]}")
    assert mistake.code == "HG458"
    assert "vector of 64" in mistake.message


def test_inputs_have_equal_numbers_of_rows(tmp_path):
    inputs = "x: {shape: [64, 2]}, z: {shape: [32, 2]}"
    layers = [conv("a", "x", stride=2, padding=[1, 1]), "name: y, op: add, in: [a, z]"]
    codes = {mistake.code for mistake in mistakes(tmp_path, layers, inputs=inputs)}
    assert "HG458" in codes


def test_chunks_have_no_labels(tmp_path):
    (tmp_path / "l.npz").write_bytes(b"")
    tail = "verify: {labels: l.npz}\n"
    (mistake,) = mistakes(tmp_path, [conv("y", "x")], tail=tail)
    assert mistake.code == "HG459"
    assert mistake.where.line == 11
