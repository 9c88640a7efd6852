"""Two graphs that together use every op: one on an image, one on a sequence."""

from support.graphs import make_graph

LAYERS = (
    {"name": "c1", "op": "conv2d", "in": "image", "channels": 8, "kernel": 3,
     "padding": "same", "activation": "relu"},
    {"name": "p1", "op": "max_pool2d", "in": "c1", "kernel": 2},
    {"name": "c2", "op": "conv2d", "in": "p1", "channels": 8, "kernel": 3,
     "padding": "same", "groups": 2},
    {"name": "a", "op": "add", "in": ["p1", "c2"]},
    {"name": "r", "op": "relu", "in": "a"},
    {"name": "cc", "op": "concat", "in": ["r", "c2"]},
    {"name": "q", "op": "requantize", "in": "cc"},
    {"name": "p2", "op": "avg_pool2d", "in": "q", "kernel": 2},
    {"name": "f", "op": "flatten", "in": "p2"},
    {"name": "fc", "op": "linear", "in": "f", "features": 10},
    {"name": "am", "op": "argmax", "in": "fc"},
)  # fmt: skip

SEQUENCE_LAYERS = (
    {"name": "up", "op": "linear", "in": "tokens", "features": 16, "activation": "relu"},
    {"name": "down", "op": "linear", "in": "up", "features": 8},
    {"name": "sum", "op": "add", "in": ["down", "tokens"]},
)
"""A spec is `sequential` if attention is among these."""


def sequence_graph():
    """Return a Graph with a sequence of 6 tokens of 8 features."""
    return make_graph({"tokens": (6, 8)}, SEQUENCE_LAYERS)


def all_ops_graph():
    """Return a Graph on an image of 1 x 8 x 8: every op that reads one; outputs fc and am."""
    return make_graph({"image": (1, 8, 8)}, LAYERS, outputs=("fc", "am"))
