"""What the golden model counts, against counts by hand."""

import numpy as np

from hwgen import golden
from hwgen.ops import LowerOptions, QType, Requant, get_op
from hwgen.ops.events import Events, recorded
from hwgen.quant import quantize
from support.graphs import make_graph, make_spec


def requant(low, high, zero_point=0):
    one = np.array([1])
    return Requant(one, 0, zero_point, low, high, np.array([0]))


def test_results_beyond_both_ends_are_saturated():
    values = np.array([-200, -129, -128, 0, 127, 128, 500])
    with recorded() as events:
        requant(-128, 127).apply(values)
    assert events == Events(saturated=4)


def test_what_a_relu_clamps_is_not_saturated():
    values = np.array([-200, -1, 0, 100, 128])
    with recorded() as events:
        requant(0, 127).apply(values)
        requant(3, 127, 3).apply(values)
    assert events == Events(saturated=1 + 1)


def test_nothing_is_counted_outside():
    with recorded() as events:
        pass
    requant(-1, 1).apply(np.array([9]))
    assert events == Events()


def test_attention_counts_clamped_logits_and_masked_rows():
    op = get_op("attention")
    params = op.Params.model_validate({"heads": 2, "causal": True})
    shapes = [(4, 4), (3, 4), (3, 4)]
    types = [QType(8, True, 1.0)] * 3
    lowered = op.lower(params, {}, shapes, types, types[2], LowerOptions(8))
    query = np.full((1, 4, 4), 127)
    key = np.array([[[127, 127, 0, 0], [0, 0, 1, 1], [-127, -127, 0, 0]]])
    with recorded() as events:
        op.integer(lowered, [query, key, np.zeros((1, 3, 4), np.int64)])
    # Query 0 stands before every key.  Key 0 is clamped in head 0 for three queries, key 2 for
    # one; head 1 has the key of small codes, for two queries, whose logit is far in range still.
    attrs = lowered.attrs
    octave = attrs["score_multiplier"] / 2.0 ** attrs["score_shift"]
    assert 2 * 127 * 127 * octave > 131008 > 2 * 127 * octave
    assert events == Events(saturated=0, clamped=3 + 1, masked=2)


def test_counts_are_by_node():
    layers = [
        {"name": "n", "op": "requantize", "in": "x"},
        {"name": "a", "op": "attention", "in": ["n", "n", "n"], "heads": 1, "padded": True},
    ]
    layers[1]["in"].append("k")
    graph = make_graph({"x": (2, 4), "k": (1,)}, layers)
    qgraph = quantize(graph, make_spec(graph))
    events = {}
    lengths = np.array([[0], [1], [2]])
    codes = np.zeros((3, 2, 4), np.int64)
    golden.run(qgraph, {"x": codes, "k": lengths}, events)
    assert set(events) == {"n", "a"}
    assert events["a"] == Events(masked=2)
    assert events["n"] == Events()
