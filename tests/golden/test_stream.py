"""A streamed network gives what the offline one gives, later by exactly the stated delay."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.graph.streaming import check_stream
from hwgen.quant import quantize, stream
from hwgen.spec.model import Precision, Stream
from support.graphs import MARK, make_graph, make_spec
from support.random_streams import chunked, offline, random_stream

SEEDS = range(30)
ROWS = 144


def streams(seed):
    """Return graph, offline qgraph, codes of one sample and the least chunk of a seed."""
    rng = np.random.default_rng([5, seed])
    sequence = bool(seed % 2)
    layers, rest, stride = random_stream(rng, sequence=sequence, length=ROWS)
    shape = (ROWS, *rest) if sequence else (rest[0], ROWS, rest[1])
    graph = make_graph({"x": shape}, layers)
    precision = Precision(4, 6, symmetric=bool(rng.integers(2)))
    qgraph = quantize(graph, make_spec(graph, precision))
    kind = qgraph.inputs[0].type
    codes = rng.integers(kind.low, kind.high, size=shape, endpoint=True)
    return graph, qgraph, codes, stride


def joined(chunks):
    """Return successive chunks as (rows, columns, channels)."""
    if chunks.ndim == 3:
        return chunks.reshape(-1, 1, chunks.shape[2])
    return chunks.transpose(0, 2, 3, 1).reshape(-1, chunks.shape[3], chunks.shape[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_every_tensor_is_the_offline_one_later(seed):
    graph, qgraph, codes, stride = streams(seed)
    wanted = offline(qgraph, {"x": codes})
    chunks = [n * stride for n in range(1, ROWS) if ROWS % (n * stride) == 0]
    first = {}
    for chunk in chunks[:4]:
        assert not check_stream(graph.inputs, graph.nodes, Stream(chunk, MARK))
        streamed = stream(qgraph, graph, chunk)
        got = golden.run(streamed, {"x": chunked(codes, chunk)})
        for node in qgraph.nodes:
            delay = streamed.stream.pace(node.name).delay
            rows = joined(got[node.name])
            known = min(len(rows) - delay, len(wanted[node.name]))
            assert known > 0
            assert np.array_equal(rows[delay : delay + known], wanted[node.name][:known])
            # Any chunk gives the same stream, the rows before the first offline one too.
            assert np.array_equal(rows, first.setdefault(node.name, rows))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_tensor_is_later_than_it_must_be(seed):
    """With the least chunks, some row would leave before the last one that it reads comes."""
    graph, qgraph, _, chunk = streams(seed)
    streamed = stream(qgraph, graph, chunk)
    for node in qgraph.nodes:
        pace = streamed.stream.pace(node.name)
        rows = chunk * pace.rows // pace.stride  # of a chunk

        def in_time(delay, name=node.name, rows=rows):
            reads = [_look_ahead(qgraph, name, row) for row in range(rows)]
            return all(last // chunk <= (row + delay) // rows for row, last in enumerate(reads))

        assert in_time(pace.delay)
        assert pace.delay == 0 or not in_time(pace.delay - 1)


def _look_ahead(qgraph, name, row):
    """Return the last input row that a row of a tensor reads, back along all paths."""
    if name in {item.name for item in qgraph.inputs}:
        return row
    node = qgraph.node(name)
    attrs = node.lowered.attrs
    if node.op == "interleave":
        row, k = divmod(row, len(node.inputs))
        return _look_ahead(qgraph, node.inputs[k], row)
    if node.op == "upsample1d":
        row //= attrs["factor"]
    elif node.op == "conv_transpose1d":
        row = (row + attrs["before"]) // attrs["stride"]
    elif node.op == "conv_phase2d":
        row += attrs["first"][0] + node.lowered.constants["weight"].shape[2] - 1
    elif "kernel" in attrs:
        apart = attrs.get("dilation", (1, 1))[0]
        before = attrs.get("padding", ((0, 0),))[0][0]
        row = row * attrs["stride"][0] - before + (attrs["kernel"][0] - 1) * apart
    return max(_look_ahead(qgraph, source, row) for source in node.inputs)
