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
    {"name": "t1", "op": "conv_phase2d", "in": "q", "channels": 4, "kernel": 2, "rows": 4,
     "columns": 8, "stride": 2},
    {"name": "t2", "op": "interleave", "in": ["t1", "t1"]},
    {"name": "gt", "op": "global_max_pool", "in": "t2"},
    {"name": "p2", "op": "avg_pool2d", "in": "q", "kernel": 2},
    {"name": "f", "op": "flatten", "in": "p2"},
    {"name": "gm", "op": "global_max_pool", "in": "q"},
    {"name": "ga", "op": "global_avg_pool", "in": "q"},
    {"name": "fg", "op": "concat", "in": ["f", "gm", "ga", "gt"]},
    {"name": "fc", "op": "linear", "in": "fg", "features": 10},
    {"name": "am", "op": "argmax", "in": "fc"},
)  # fmt: skip

SEQUENCE_LAYERS = (
    {"name": "e", "op": "embedding", "in": "ids", "vocabulary": 12, "features": 8,
     "positions": True},
    {"name": "c", "op": "conv1d", "in": "e", "channels": 8, "kernel": 3, "dilation": 2,
     "padding": "causal", "groups": 4},
    {"name": "n1", "op": "layer_norm", "in": "c"},
    {"name": "ha", "op": "hadamard", "in": "n1"},
    {"name": "q", "op": "linear", "in": "ha", "features": 8},
    {"name": "k", "op": "linear", "in": "n1", "features": 4},
    {"name": "v", "op": "linear", "in": "n1", "features": 4},
    {"name": "qr", "op": "rope", "in": "q", "heads": 4, "running": True},
    {"name": "kr", "op": "rope", "in": "k", "heads": 2, "running": True},
    {"name": "at", "op": "attention", "in": ["qr", "kr", "v"], "heads": 4, "kv_heads": 2,
     "tile": 8, "causal": True, "window": 9, "sinks": 2, "cache": {}},
    {"name": "s1", "op": "add", "in": ["e", "at"]},
    {"name": "n2", "op": "rms_norm", "in": "s1"},
    {"name": "g", "op": "linear", "in": "n2", "features": 16},
    {"name": "ga", "op": "silu", "in": "g"},
    {"name": "u", "op": "linear", "in": "n2", "features": 16},
    {"name": "m", "op": "mul", "in": ["ga", "u"]},
    {"name": "d", "op": "linear", "in": "m", "features": 8},
    {"name": "s2", "op": "add", "in": ["s1", "d"]},
    {"name": "ge", "op": "gelu", "in": "s2"},
    {"name": "de", "op": "delay", "in": "ge", "rows": 2},
    {"name": "sc", "op": "matmul", "in": ["de", "s2"], "transpose_b": True},
    {"name": "sm", "op": "softmax", "in": "sc"},
    {"name": "mp", "op": "max_pool1d", "in": "sm", "kernel": 2},
    {"name": "ap", "op": "avg_pool1d", "in": "mp", "kernel": 2, "stride": 1},
    {"name": "cr", "op": "crop", "in": "ap", "first": 1, "rows": 1},
    {"name": "cx", "op": "concat", "in": ["ap", "cr"], "axis": "rows"},
    {"name": "up", "op": "upsample1d", "in": "cx", "factor": 3},
    {"name": "ct", "op": "conv_transpose1d", "in": "up", "channels": 3, "kernel": 4, "stride": 2,
     "padding": 1},
)  # fmt: skip


def sequence_graph():
    """Return a Graph on 6 token ids: every op of sequences, its schedule is sequential."""
    return make_graph({"ids": (6,)}, SEQUENCE_LAYERS)


def all_ops_graph():
    """Return a Graph on an image of 1 x 8 x 8: every op that reads one; outputs fc and am."""
    return make_graph({"image": (1, 8, 8)}, LAYERS, outputs=("fc", "am"))
