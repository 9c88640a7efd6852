"""Random networks that judge windows of a stream, and what they compute, by plain loops.

The loops know nothing of hops: they run the body over the whole signal, cut a window's rows out of
what is pooled, and run the rest on them.
"""

from fractions import Fraction

import numpy as np

from support.random_streams import offline, random_stream
from support.walk import requantise

__all__ = ["random_windows", "windowed"]


def random_windows(rng, *, sequence, length):
    """Return (layers, shape without rows, product of the strides), two layers pooled if it goes."""
    layers, rest, stride = random_stream(rng, sequence=sequence, length=length)
    pools = []
    for name in dict.fromkeys([layers[-1]["name"], str(rng.choice([e["name"] for e in layers]))]):
        op = str(rng.choice(["global_avg_pool", "global_max_pool"]))
        pools.append({"name": f"{name}_p", "op": op, "in": name})
    layers += pools
    here = pools[0]["name"]
    if len(pools) > 1:
        here = "both"
        layers.append({"name": here, "op": "concat", "in": [pool["name"] for pool in pools]})
    layers.append({"name": "y", "op": "linear", "in": here, "features": 3})
    if rng.integers(2):
        layers.append({"name": "best", "op": "argmax", "in": "y"})
    return layers, rest, stride


def windowed(qgraph, codes, starts):
    """Return the codes of a window network's head by name: one row per window.

    Parameters
    ----------
    qgraph
        Of the offline network, one window long.
    codes
        The whole signal, by input.
    starts
        First row of each window in the inputs; rows before the signal count as zero.
    """
    head = [node for node in qgraph.nodes if len(node.out.shape) == 1]
    body = [node.name for node in qgraph.nodes if node not in head]
    rows = offline(qgraph, codes, body)
    counts = {item.name: _rows(item.shape) for item in qgraph.inputs}
    counts |= {name: _rows(qgraph.tensor(name).shape) for name in body}
    strides = _strides(qgraph)
    found = {node.name: [] for node in head}
    for start in starts:
        tensors = {}
        for node in head:
            if node.op.startswith("global"):
                (name,) = node.inputs
                first, rest = divmod(start, strides[name])
                assert not rest
                zero = qgraph.tensor(name).type.zero_point
                picked = _picked(rows[name], first, counts[name], zero)
                tensors[node.name] = _POOLS[node.op](picked, node.lowered)
            else:
                tensors[node.name] = _HEAD[node.op](node, [tensors[n] for n in node.inputs])
            found[node.name].append(tensors[node.name])
    return {name: np.array(parts) for name, parts in found.items()}


def _rows(shape):
    return shape[1] if len(shape) == 3 else shape[0]


def _strides(qgraph):
    strides = {item.name: Fraction(1) for item in qgraph.inputs}
    for node in qgraph.nodes:
        attrs = node.lowered.attrs
        match node.op:
            case "conv_transpose1d":
                step = Fraction(1, attrs["stride"])
            case "upsample1d":
                step = Fraction(1, attrs["factor"])
            case _:
                step = attrs.get("stride", (1, 1))[0]
        strides[node.name] = strides[node.inputs[0]] * step
    return strides


def _picked(rows, first, count, zero):
    """Return one list of codes per channel: those of the window's rows."""
    channels = rows.shape[2]
    values = [[] for _ in range(channels)]
    for row in range(first, first + count):
        for column in range(rows.shape[1]):
            for channel in range(channels):
                inside = 0 <= row < len(rows)
                values[channel].append(int(rows[row, column, channel]) if inside else zero)
    return values


def _linear(node, sources):
    weight, bias = (node.lowered.constants[key] for key in ("weight", "bias"))
    sums = [
        sum(int(w) * value for w, value in zip(row, sources[0], strict=True)) + int(b)
        for row, b in zip(weight, bias, strict=True)
    ]
    return [requantise(value, node.lowered.requant, place) for place, value in enumerate(sums)]


def _concat(node, sources):
    return [
        requantise(value, node.lowered.requant, k)
        for k, source in enumerate(sources)
        for value in source
    ]


_POOLS = {
    "global_avg_pool": lambda values, lowered: [
        requantise(sum(channel), lowered.requant) for channel in values
    ],
    "global_max_pool": lambda values, lowered: [max(channel) for channel in values],
}
_HEAD = {
    "linear": _linear,
    "concat": _concat,
    "argmax": lambda node, sources: [sources[0].index(max(sources[0]))],
}
