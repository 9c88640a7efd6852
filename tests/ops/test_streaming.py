"""Windows with sinks and rope: positions as if the cache were the whole sequence.

StreamingLLM (Xiao et al., ICLR 2024, section 3.2): "when determining the relative distance and
adding positional information to tokens, StreamingLLM focuses on positions within the cache
rather than those in the original text".
"""

import numpy as np
import pytest

from hwgen import golden
from hwgen.quant import quantize
from support.graphs import make_graph, make_spec

HEADS, SIZE, SINKS, WINDOW, TOKENS = 2, 8, 3, 10, 60
FEATURES = HEADS * SIZE
ROPE = {"op": "rope", "heads": HEADS, "theta": 50.0, "running": True}
LAYERS = (
    {"name": "qr", "in": "q", **ROPE},
    {"name": "kr", "in": "k", **ROPE},
    {"name": "qs", "in": "q", "limit": SINKS + WINDOW, **ROPE},
    {"name": "a", "op": "attention", "in": ["qr", "kr", "v", "qs"], "heads": HEADS, "causal": True,
     "window": WINDOW, "sinks": SINKS, "sink_queries": True, "cache": {}, "tile": 8},
)  # fmt: skip


@pytest.fixture(scope="module")
def graph():
    return make_graph(dict.fromkeys("qkv", (1, FEATURES)), LAYERS)


def turned(row, position):
    """Return a token's row at a position: element i turns with i + size / 2."""
    half = SIZE // 2
    angle = position * 50.0 ** (-np.arange(half) / half)
    result = []
    for head in row.reshape(HEADS, SIZE):
        a, b = head[:half], head[half:]
        result += [a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)]
    return np.concatenate(result)


def streaming(q, k, v):
    """Return StreamingLLM: raw keys in a list, turned to their place in the list."""
    results = []
    for token in range(len(q)):
        cache = [n for n in range(token + 1) if n < SINKS or n > token - WINDOW]
        keys = np.stack([turned(k[n], place) for place, n in enumerate(cache)])
        query = turned(q[token], len(cache) - 1)
        heads = []
        for head in range(HEADS):
            part = slice(head * SIZE, (head + 1) * SIZE)
            weight = np.exp(keys[:, part] @ query[part] / np.sqrt(SIZE))
            heads.append(weight @ v[cache][:, part] / weight.sum())
        results.append(np.concatenate(heads))
    return np.stack(results)


def test_positions_are_those_inside_the_cache(graph):
    random = np.random.default_rng(2)
    inputs = {name: random.standard_normal((TOKENS, 1, FEATURES)) for name in "qkv"}
    real = golden.run_real(graph, inputs)["a"][:, 0]
    wanted = streaming(*(inputs[name][:, 0] for name in "qkv"))
    np.testing.assert_allclose(real, wanted, rtol=1e-9, atol=1e-12)


def test_the_integers_follow(graph):
    qgraph = quantize(graph, make_spec(graph))
    random = np.random.default_rng(3)
    inputs = {name: random.standard_normal((TOKENS, 1, FEATURES)) for name in "qkv"}
    codes = golden.run(qgraph, golden.encode_inputs(qgraph, inputs))["a"]
    got = golden.decode_tensor(qgraph, "a", codes)[:, 0]
    wanted = streaming(*(inputs[name][:, 0] for name in "qkv"))
    assert 10 * np.log10(np.sum(wanted**2) / np.sum((got - wanted) ** 2)) > 18
