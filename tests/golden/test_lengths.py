"""Tensors of several lengths: prefill and then token by token equals the whole text at once."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.ops.events import Events
from hwgen.quant.execute import run_integer
from support.decoder import CACHES, FULL, attention_to_all, decoder_spec, whole_text
from support.specs import compile_spec

ORDERS = {
    "prefill, then single tokens": [8, *[1] * 30],
    "tensors of all lengths": [1, 3, 8, 1, 8, 3, 3, 1, 1, 8, 3, 8, 3, 1],
    "single tokens, then a longer one": [*[1] * 9, 8, 8, 3, 8],
}


@pytest.fixture(scope="module", params=CACHES)
def qgraph(request, tmp_path_factory):
    return compile_spec(decoder_spec(request.param), tmp_path_factory.mktemp("decoder"))[0]


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_order_of_lengths_does_not_matter(qgraph, order):
    text = golden.random_inputs(qgraph, 8, seed=len(order))["x"].reshape(-1, 8)[: sum(order)]
    ends = np.cumsum(order)
    padded = np.full((len(order), 8, 8), 77)  # what is beyond a tensor's tokens counts for nothing
    for tensor, (end, tokens) in enumerate(zip(ends, order, strict=True)):
        padded[tensor, :tokens] = text[end - tokens : end]
    events = {}
    got = golden.run(qgraph, {"x": padded}, events, lengths=order)

    for name, expected in whole_text(qgraph, text).items():
        parts = [got[name][k, :tokens] for k, tokens in enumerate(order)]
        assert np.array_equal(np.concatenate(parts), expected), name
    assert all(not got["a"][k, tokens:].any() for k, tokens in enumerate(order))
    assert events["a"].masked == 0
    assert events["a"] == Events(saturated=events["a"].saturated, clamped=events["a"].clamped)


def test_without_lengths_all_tensors_are_the_longest(qgraph):
    inputs = golden.random_inputs(qgraph, 3, seed=4)
    plain, told = golden.run(qgraph, inputs), golden.run(qgraph, inputs, lengths=[8, 8, 8])
    assert all(np.array_equal(plain[name], told[name]) for name in plain)


def test_a_cache_without_room_for_a_tensor_is_emptied_before_it(tmp_path):
    qgraph = compile_spec(decoder_spec("cache"), tmp_path)[0]
    order = [8] * 7 + [1, 1] + [3, 8]  # 58 tokens, and two are left: not enough for three
    inputs = golden.random_inputs(qgraph, len(order), seed=5)
    with pytest.raises(SpecError, match="HG313: 11 tensors of 69 tokens, but a cache holds 60"):
        golden.run(qgraph, inputs, lengths=order)
    # What hardware does.
    got = run_integer(qgraph, inputs, tokens=np.array(order))
    after = {name: got[name][9:] for name in ("qr", "kr", "v")}
    node = qgraph.node("a")
    fresh = [after[name] for name in node.inputs]
    alone = whole_attention(node, fresh, order[9:])
    assert np.array_equal(got["a"][9:], alone)


def whole_attention(node, inputs, lengths):
    """Return the attention of a text that begins with these tensors."""
    rows = [
        [row for tensor, n in zip(array, lengths, strict=True) for row in tensor[:n].tolist()]
        for array in inputs
    ]
    found, result = attention_to_all(node.lowered, *rows), np.zeros((len(lengths), *node.out.shape))
    at = 0
    for tensor, n in enumerate(lengths):
        result[tensor, :n] = found[at : at + n]
        at += n
    return result


def test_lengths_to_try_a_circuit_with(qgraph):
    chosen = golden.mixed_lengths(qgraph, 40)
    assert chosen[:6] == (8, 1, 3, 1, 1, 8)
    assert set(chosen) == {8, 3, 1}
    if qgraph.node("a").lowered.attrs["window"]:
        return
    assert sum(chosen) <= FULL
    assert golden.mixed_lengths(qgraph, FULL) == (1,) * FULL


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        ([8, 2], "HG439: no tensor has 2 tokens"),
        ([8, 0], "HG439: no tensor has 0 tokens"),
        ([8], "HG439: 1 lengths for 2 tensors"),
    ],
)
def test_other_lengths_are_refused(qgraph, lengths, text):
    with pytest.raises(SpecError, match=text):
        golden.run(qgraph, golden.random_inputs(qgraph, 2, seed=1), lengths=lengths)
