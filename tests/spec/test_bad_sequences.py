"""Mistakes in specs of sequences and attention: place, what is wrong, what is legal."""

import pytest

from hwgen.cli import main
from hwgen.errors import SpecError
from hwgen.graph import check_model
from support.spec_texts import only, write


def spec(layer, inputs="x: {shape: [6, 8]}", outputs="y", schedule="sequential"):
    return f"""\
hwgen: 1
name: net
model:
  inputs: {{{inputs}}}
  layers:
    - {{name: y, {layer}}}
  outputs: [{outputs}]
weights: {{random: 3}}
accelerator: {{schedule: {schedule}, budget: {{multipliers: 4}}}}
"""


SELF = "op: attention, in: [x, x, x]"
# name: (spec with an @ where the mistake is, code, words of the message, words of the hint)
CASES = {
    "heads that do not divide": (
        spec(f"{SELF}, heads: @3"), "HG202", "3 heads do not divide the 8 features", "1, 2, 4, 8",
    ),
    "grouped heads that do not divide": (
        spec(f"{SELF}, heads: 4, kv_heads: @3"), "HG202", "3 key heads cannot share 4", "1, 2, 4",
    ),
    "key heads of another size": (
        spec("op: attention, in: [x, k, k], heads: 4, kv_heads: @2",
             "x: {shape: [6, 8]}, k: {shape: [6, 8]}"),
        "HG202", "a query head has 2 elements and a key head 4", "keys of 4 features",
    ),
    "a window smaller than its sinks": (
        spec(f"{SELF}, heads: 2, causal: true, window: @4, sinks: 5"),
        "HG202", "window 4 is smaller than the 5 sinks", "5 or more",
    ),
    "a window of what is to come": (
        spec(f"{SELF}, heads: 2, window: @4"), "HG202", "causal", "causal: true",
    ),
    "a cache that holds no tensor": (
        spec(f"{SELF}, heads: 2, causal: true, cache: @{{length: 5}}"),
        "HG202", "5 is less than the 6 tokens", "6 or more",
    ),
    "a cache of no keys": (
        spec(f"{SELF}, heads: 2, causal: true, cache: {{length: @0}}"),
        "HG113", "at least 1, not 0", "tokens that it holds",
    ),
    "no keys": (
        spec("op: attention, in: [x, k, k], heads: 2",
             "x: {shape: [6, 8]}, k: {shape: [@0, 8]}"),
        "HG113", "at least 1, not 0", "[tokens, features]",
    ),
    "as many keys as values": (
        spec("op: attention, in: @[x, k, v], heads: 2",
             "x: {shape: [6, 8]}, k: {shape: [5, 8]}, v: {shape: [4, 8]}"),
        "HG202", "5 keys and 4 values", "a value for each key",
    ),
    "attention of vectors": (
        spec("op: attention, in: @[x, x, x], heads: 2", "x: {shape: [8]}"),
        "HG202", "the queries of shape (tokens, features), got [8]", "shape: [tokens, features]",
    ),
    "two inputs of attention": (
        spec("op: attention, in: @[x, x], heads: 2"), "HG203", "2 inputs", "3 to 5",
    ),
    "a sequence longer than the positions": (
        spec("op: embedding, in: x, vocabulary: 9, features: 4, positions: true, "
             "max_positions: @5", "x: {shape: [6]}"),
        "HG202", "6 tokens, but position has 5 rows", "1 to 5 tokens",
    ),
    "heads that do not divide into pairs": (
        spec("op: rope, in: x, heads: @8"), "HG202", "8 heads do not divide 8", "1, 2, 4",
    ),
    "products that do not fit": (
        spec("op: matmul, in: [x, x]").replace("{name", "@{name"),
        "HG202", "inner sizes 8 and 6", "a second input of shape [8, n]",
    ),
    "gates of another size": (
        spec("op: mul, in: @[x, z]", "x: {shape: [6, 8]}, z: {shape: [8, 6]}"),
        "HG202", "got [6, 8] and [8, 6]", "every input of shape [6, 8]",
    ),
    "an image op": (
        spec("op: @max_pool2d, in: x, kernel: 2").replace("{name", "@{name").replace("@max", "max"),
        "HG202", "(channels, height, width), got [6, 8]", "max_pool2d reads an image",
    ),
    "argmax of a sequence": (
        spec("op: argmax, in: @x"), "HG202", "argmax needs a vector", "flatten",
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
