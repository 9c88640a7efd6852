"""A network that judges windows of a stream, hop by hop, against the whole signal at once."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.graph.windows import check_windows
from hwgen.quant import quantize, stream
from hwgen.spec.model import Precision, Stream, Windows
from support.graphs import MARK, make_graph, make_spec
from support.random_streams import chunked
from support.windowed_streams import random_windows, windowed

SEEDS = range(24)
WINDOW = 96
SIGNAL = 288


def network(seed):
    """Return graph, qgraph of a window, codes of a signal and the product of the strides."""
    rng = np.random.default_rng([7, seed])
    sequence = bool(seed % 2)
    layers, rest, stride = random_windows(rng, sequence=sequence, length=WINDOW)
    shape, signal = [(n, *rest) if sequence else (rest[0], n, rest[1]) for n in (WINDOW, SIGNAL)]
    graph = make_graph({"x": shape}, layers)
    precision = Precision(4, 6, symmetric=bool(rng.integers(2)))
    qgraph = quantize(graph, make_spec(graph, precision))
    kind = qgraph.inputs[0].type
    codes = rng.integers(kind.low, kind.high, size=signal, endpoint=True)
    return graph, qgraph, codes, stride


@pytest.mark.parametrize("seed", SEEDS)
def test_every_hop_judges_a_window(seed):
    graph, qgraph, codes, stride = network(seed)
    legal = [n for n in range(stride, WINDOW + 1, stride) if SIGNAL % n == 0]
    for hop in (legal[0], legal[len(legal) // 2], legal[-1]):
        setting = Stream(hop, MARK, Windows(WINDOW, "signal", MARK))
        assert not check_windows(graph.inputs, graph.nodes, setting)
        streamed = stream(qgraph, graph, hop)
        late = streamed.stream.pace("y").latency
        ends = range(hop, SIGNAL + 1, hop)

        got = golden.run(streamed, {"x": chunked(codes, hop)})
        wanted = windowed(qgraph, {"x": codes}, [end - late - WINDOW for end in ends])

        assert late >= 0
        for name, rows in wanted.items():
            assert got[name].tolist() == rows.tolist()


@pytest.mark.parametrize("seed", SEEDS[::3])
def test_zero_padding_is_that_of_each_window(seed):
    """Rows of the stream between cones equal every window, padded with zeros, by itself."""
    whole = Stream(WINDOW, MARK, Windows(WINDOW, "window_exact", MARK))
    drawn = (network(seed + 1000 * k) for k in range(50))  # some make more rows than they read
    graph, qgraph, codes, stride = next(
        found for found in drawn if not check_windows(found[0].inputs, found[0].nodes, whole)
    )
    tried = 0
    for hop in (n for n in range(stride, WINDOW + 1, stride) if WINDOW % n == 0):
        setting = Stream(hop, MARK, Windows(WINDOW, "window_exact", MARK))
        if check_windows(graph.inputs, graph.nodes, setting):
            continue
        streamed = stream(qgraph, graph, hop, exact=True)
        got = golden.run(streamed, {"x": chunked(codes, hop)})
        assert streamed.stream.pace("y").latency == 0
        # As many windows as there is time for, the first and the last complete one too.
        last = SIGNAL // hop - 1
        for place in dict.fromkeys((WINDOW // hop - 1, last // 2 + 1, last)):
            end = (place + 1) * hop
            window = codes.take(range(end - WINDOW, end), axis=codes.ndim - 2)
            for name, rows in windowed(qgraph, {"x": window}, [0]).items():
                assert got[name][place].tolist() == rows[0].tolist()
        tried += 1
    assert tried > 2


def test_the_cones_of_three_layers():
    layers = [
        {"name": f"c{k}", "op": "conv1d", "in": f"c{k - 1}" if k else "x", "channels": 2 + k,
         "kernel": 3, "padding": "same"}
        for k in range(3)
    ]  # fmt: skip
    layers.append({"name": "p", "op": "global_max_pool", "in": "c2"})
    graph = make_graph({"x": (96, 2)}, layers)
    qgraph = quantize(graph, make_spec(graph, Precision(4, 6)))
    streamed = stream(qgraph, graph, 16, exact=True)

    # One row more with every layer, on either side; nothing else is computed twice.
    rows = {node.name: node.out.shape[0] for node in streamed.nodes if node.op == "conv1d"}
    cones = {f"c{k}_{side}": k + 1 for k in range(3) for side in "LR"}
    assert rows == {f"c{k}": 16 for k in range(3)} | cones


@pytest.mark.parametrize("hop", [8, 12, 40])
def test_without_padding_it_is_the_network_of_each_window(hop):
    """Then there is nothing that the signal around a window could change."""
    layers = [
        {"name": "a", "op": "conv1d", "in": "x", "channels": 3, "kernel": 3, "activation": "relu"},
        {"name": "b", "op": "max_pool1d", "in": "a", "kernel": 2},
        {"name": "c", "op": "conv1d", "in": "b", "channels": 4, "kernel": 4, "stride": 2},
        {"name": "p", "op": "global_avg_pool", "in": "c"},
        {"name": "y", "op": "linear", "in": "p", "features": 3},
    ]
    graph = make_graph({"x": (80, 2)}, layers)
    qgraph = quantize(graph, make_spec(graph, Precision(4, 6)))
    kind = qgraph.inputs[0].type
    codes = np.random.default_rng(3).integers(kind.low, kind.high, size=(240, 2), endpoint=True)

    streamed = stream(qgraph, graph, hop)
    got = golden.run(streamed, {"x": codes.reshape(-1, hop, 2)})["y"]
    assert streamed.stream.pace("y").latency == 0
    ends = [end for end in range(hop, 241, hop) if end >= 80]
    windows = np.stack([codes[end - 80 : end] for end in ends])

    assert np.array_equal(got[-len(ends) :], golden.run(qgraph, {"x": windows})["y"])


def test_layers_before_pooling_can_make_more_rows_than_they_read():
    layers = [
        {"name": "a", "op": "conv1d", "in": "x", "channels": 3, "kernel": 3, "stride": 2},
        {"name": "b", "op": "upsample1d", "in": "a", "factor": 3},
        {"name": "c", "op": "conv1d", "in": "b", "channels": 2, "kernel": 4},
        {"name": "y", "op": "global_avg_pool", "in": "c"},
    ]
    graph = make_graph({"x": (48, 2)}, layers)
    qgraph = quantize(graph, make_spec(graph, Precision(4, 6)))
    kind = qgraph.inputs[0].type
    codes = np.random.default_rng(5).integers(kind.low, kind.high, size=(96, 2), endpoint=True)
    setting = Stream(8, MARK, Windows(48, "signal", MARK))
    assert not check_windows(graph.inputs, graph.nodes, setting)

    streamed = stream(qgraph, graph, 8)
    got = golden.run(streamed, {"x": codes.reshape(-1, 8, 2)})["y"]
    late = streamed.stream.pace("y").latency
    ends = [end for end in range(8, 97, 8) if end - late >= 48]
    windows = np.stack([codes[end - late - 48 : end - late] for end in ends])

    assert len(ends) > 4
    assert np.array_equal(got[-len(ends) :], golden.run(qgraph, {"x": windows})["y"])


def test_it_keeps_a_sum_per_hop():
    layers = [
        {"name": "a", "op": "conv1d", "in": "x", "channels": 5, "kernel": 3, "padding": "same"},
        {"name": "p", "op": "global_avg_pool", "in": "a"},
    ]
    graph = make_graph({"x": (96, 2)}, layers)
    qgraph = quantize(graph, make_spec(graph, Precision(4, 6)))
    streamed = stream(qgraph, graph, 16)
    part, whole = streamed.node("p_P16"), streamed.node("p")

    assert (part.op, part.out.shape, part.out.type.bits) == ("avg_pool1d", (1, 5), 6 + 4)
    # With the sum of the hop at hand, 96 / 16 of them.
    assert (whole.op, whole.lowered.attrs["history"], whole.out.shape) == (
        "global_avg_pool",
        5,
        (5,),
    )
    assert whole.lowered.requant is qgraph.node("p").lowered.requant
