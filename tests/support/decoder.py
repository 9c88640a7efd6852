"""A decoder whose tensors have several lengths, and the same one on a whole text at once.

The second is written down from ``docs/attention.md`` and ``docs/arithmetic.md``: all tokens side by
side, a mask, and neither a cache nor an order of tensors.
"""

import math

import numpy as np

from support.attend import Query, round_shift
from support.walk import requantise

WINDOW, SINKS, TILE = 12, 4, 8
CACHES = {
    "window": f"window: {WINDOW}, sinks: {SINKS}, sink_queries: true, cache: {{}}",
    "cache": "cache: {length: 60}",
}
FULL = 60
"""Tokens that the cache without a window holds."""

SPEC = """\
hwgen: 1
name: decode
model:
  inputs: {x: {shape: [8, 8], lengths: [1, 8, 3]}}
  layers:
    - {name: q, op: linear, in: x, features: 8}
    - {name: k, op: linear, in: x, features: 4}
    - {name: v, op: linear, in: x, features: 4}
    - {name: qr, op: rope, in: q, heads: 2, running: true}
    - {name: kr, op: rope, in: k, heads: 1, running: true}
    PINNED
    - {name: a, op: attention, in: [QUERIES], heads: 2, kv_heads: 1, causal: true, tile: 8, CACHE}
  outputs: [a]
weights: {random: 1}
quantize: {default: {weights: int8, activations: int8}}
accelerator: {schedule: sequential, budget: {multipliers: 16}}
"""


def decoder_spec(kind):
    """Return the spec with a cache of one of the ``CACHES``."""
    pinned, queries = "", "qr, kr, v"
    if kind == "window":
        limit = SINKS + WINDOW
        pinned = f"- {{name: qs, op: rope, in: q, heads: 2, running: true, limit: {limit}}}"
        queries += ", qs"
    text = SPEC.replace("CACHE", CACHES[kind]).replace("QUERIES", queries)
    return text.replace("    PINNED\n", f"    {pinned}\n" if pinned else "")


def whole_text(qgraph, tokens):
    """Return the results of ``decoder_spec`` for all tokens (n, features) at once."""
    known = {"x": tokens.tolist()}
    for node in qgraph.nodes:
        rows = known[node.inputs[0]]
        if node.op == "linear":
            known[node.name] = [_linear(node.lowered, row) for row in rows]
        elif node.op == "rope":
            known[node.name] = [_turned(node.lowered, row, p) for p, row in enumerate(rows)]
        else:
            known[node.name] = attention_to_all(
                node.lowered, *(known[name] for name in node.inputs)
            )
    return {node.name: np.array(known[node.name]) for node in qgraph.nodes}


def _linear(lowered, row):
    weight, bias = (lowered.constants[name].tolist() for name in ("weight", "bias"))
    sums = [sum(w * x for w, x in zip(line, row, strict=True)) for line in weight]
    return [
        requantise(total + b, lowered.requant, factor)
        for factor, (total, b) in enumerate(zip(sums, bias, strict=True))
    ]


def _turned(lowered, row, position):
    """Turn the pairs (i, i + size / 2) of each head; angles in arcs of 2**32 / 4096."""
    attrs, result = lowered.attrs, []
    if attrs["limit"]:
        position = min(position, attrs["limit"] - 1)
    size = len(row) // attrs["heads"]
    for start in range(0, len(row), size):
        head = [code - attrs["zero"] for code in row[start : start + size]]
        turned = [0] * size
        for i, step in enumerate(attrs["steps"]):
            arc = position * step % 2**32 // 2**20
            angle = (arc + 0.5) / 4096 * 2 * math.pi
            sine, cosine = (
                int(math.copysign(math.floor(abs(one) * 2**15 + 0.5), one))
                for one in (math.sin(angle), math.cos(angle))
            )
            a, b = head[i], head[i + size // 2]
            turned[i], turned[i + size // 2] = a * cosine - b * sine, a * sine + b * cosine
        result += [requantise(one, lowered.requant) for one in turned]
    return result


def attention_to_all(lowered, queries, keys, values, pinned=None):
    """Return each query's attention to all earlier keys, or those of its window and the sinks."""
    attrs = lowered.attrs
    window, sinks, tile, inner = (attrs[key] for key in ("window", "sinks", "tile", "inner"))
    start = -(-sinks // tile) * tile
    ring = attrs["keys"] - start
    results = []
    for position, query in enumerate(queries):
        tiles = {}
        for key in range(position + 1):
            if window and sinks <= key <= position - window:
                continue
            slot = key if key < sinks else start + (key - sinks) % ring
            tiles.setdefault(slot // tile, []).append(key)
        row = []
        for head in range(attrs["heads"]):
            state = Query(attrs["features"])
            for number in sorted(tiles):
                sink = pinned is not None and number * tile < sinks
                source = (pinned[position] if sink else query)[head * inner : (head + 1) * inner]
                factor = attrs["sink_multiplier" if sink else "score_multiplier"]
                y = []
                for key in tiles[number]:
                    score = sum(a * b for a, b in zip(source, keys[key], strict=True))
                    log = round_shift(score * factor, attrs["score_shift"])
                    y.append(min(max(log, -131008), 131008))
                state.tile(y, [True] * len(y), [values[key] for key in tiles[number]])
            row += [requantise(one, lowered.requant) for one in state.finish()]
        results.append(row)
    return results
