"""One graph that uses every op."""

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


def all_ops_graph():
    """Return a Graph with an image of 1 x 8 x 8 and the outputs fc and am."""
    return make_graph({"image": (1, 8, 8)}, LAYERS, outputs=("fc", "am"))
