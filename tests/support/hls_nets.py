"""Qgraphs of many unrelated nodes of one op, so that one compilation covers many cases."""

import numpy as np

from hwgen.errors import Mark
from hwgen.ops import LowerOptions, QType, get_op
from hwgen.plan import make_plan
from hwgen.plan.folding import mac_options
from hwgen.plan.items import items_of
from hwgen.quant.check import acc_bits_of, check_qgraph
from hwgen.quant.model import QGraph, QNode, QTensor
from hwgen.spec.model import Accelerator, Budget, FoldSpec

MARK = Mark("test.yaml", 1, 1)
SCALES = (1.0, 0.5, 0.0371, 1 / 15, 2.7)


def qtype(rng, widest=12):
    """Return a random type; zero points at both ends and inside of the range."""
    bits, signed = int(rng.integers(2, widest + 1)), bool(rng.integers(2))
    low = -(1 << (bits - 1)) if signed else 0
    inside = [0, low, low + (1 << bits) - 1, low + (1 << bits) // 3]
    return QType(bits, signed, float(rng.choice(SCALES)), int(rng.choice(inside)))


def image(rng, least=1):
    return tuple(int(n) for n in rng.integers([1, least, least], [7, 7, 7]))


def _mode(rng, pads, sizes):
    """Draw what padding reads as, where there is as much beside the edges as it reflects."""
    fits = all(max(sides) < size for sides, size in zip(pads, sizes, strict=True))
    return str(rng.choice(["zero", "reflect"])) if fits else "zero"


def _conv2d(rng):
    groups = int(rng.choice([1, 1, 2, 3]))
    depth, height, width = image(rng)
    kernel = [int(rng.integers(1, min(n, 4) + 1)) for n in (height, width)]
    dilation = [int(rng.choice([1, 2])) for _ in kernel]
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    least = [0 if e <= n else e // 2 for e, n in zip(extents, (height, width), strict=True)]
    pads = [rng.integers(a, e, size=2).tolist() for a, e in zip(least, extents, strict=True)]
    keys = {
        "channels": groups * int(rng.integers(1, 7)),
        "kernel": kernel,
        "stride": [int(n) for n in rng.integers(1, 4, size=2)],
        "dilation": dilation,
        "padding": pads,
        "padding_mode": _mode(rng, pads, (height, width)),
        "groups": groups,
    }
    return [(depth * groups, height, width)], keys | _relu(rng)


def _conv1d(rng):
    groups = int(rng.choice([1, 1, 2, 3]))
    tokens, depth, kernel, dilation = (int(n) for n in rng.integers(1, [12, 6, 6, 4]))
    pads = [int(n) for n in rng.integers(0, (kernel - 1) * dilation + 1, size=2)]
    valid = tokens + sum(pads) > (kernel - 1) * dilation
    keys = {
        "channels": groups * int(rng.integers(1, 7)),
        "kernel": kernel,
        "stride": int(rng.integers(1, 4)),
        "dilation": dilation,
        "padding": pads if valid else str(rng.choice(["same", "causal"])),
        "padding_mode": _mode(rng, [pads], (tokens,)) if valid else "zero",
        "groups": groups,
    }
    return [(tokens, depth * groups)], keys | _relu(rng)


def _conv_transpose1d(rng):
    tokens, depth, kernel, stride = (int(n) for n in rng.integers(1, [8, 9, 9, 6]))
    pads = [int(n) for n in rng.integers(0, (kernel + 1) // 2, size=2)]
    out = (tokens - 1) * stride + kernel - sum(pads)
    groups = int(rng.choice([1, 1, 2, 3]))
    keys = {"kernel": kernel, "stride": stride, "padding": pads, "output_padding": -out % stride}
    keys |= {"channels": groups * int(rng.integers(1, 5)), "groups": groups}
    return [(tokens, groups * depth)], keys | _relu(rng)


def _conv_phase2d(rng):
    shape, stride = image(rng), int(rng.integers(1, 5))
    groups = int(rng.integers(1, 4)) if stride == 1 else 1
    kernel = [int(rng.integers(1, 4)), int(rng.integers(1, 8))]
    keys = {"kernel": kernel, "stride": stride, "left": int(rng.integers(0, kernel[1] + 1))}
    keys |= {"rows": int(rng.integers(1, 7)), "lead": int(rng.integers(0, 3))}
    keys |= {"columns": stride * int(rng.integers(1, shape[2] + 2)), "groups": groups}
    shape = (shape[0] * groups, *shape[1:])
    return [shape], keys | {"channels": groups * int(rng.integers(1, 5))} | _relu(rng)


def _upsample1d(rng):
    factor = {"factor": int(rng.integers(1, 5))}
    if rng.integers(2):
        return [sequence(rng)], factor
    return [image(rng)], factor | {"axis": str(rng.choice(["height", "width"]))}


def _pool(rng):
    shape = image(rng, 2)
    kernel = [int(rng.integers(1, n + 1)) for n in shape[1:]]
    return [shape], {"kernel": kernel, "stride": [int(n) for n in rng.integers(1, 4, size=2)]}


def _pool1d(rng):
    tokens, features = sequence(rng)
    kernel, stride = int(rng.integers(1, tokens + 1)), int(rng.integers(1, 4))
    return [(tokens, features)], {"kernel": kernel, "stride": stride}


def _whole(rng):
    return [image(rng) if rng.integers(2) else sequence(rng)], {}


def _linear(rng):
    return [_any_shape(rng)], {"features": int(rng.integers(1, 24))} | _relu(rng)


def sequence(rng):
    return int(rng.integers(1, 6)), int(rng.integers(1, 24))


def _any_shape(rng):
    match rng.integers(3):
        case 0:
            return image(rng)
        case 1:
            return sequence(rng)
    return (int(rng.integers(1, 40)),)


def _add(rng):
    return [_any_shape(rng)] * int(rng.integers(2, 5)), _relu(rng)


def _concat(rng):
    count = int(rng.integers(2, 4))
    if rng.integers(2):
        return [(int(n),) for n in rng.integers(1, 9, size=count)], {}
    if rng.integers(3) == 0:
        tokens, _ = sequence(rng)
        return [(tokens, int(n)) for n in rng.choice([1, 2, 3, 4, 8], size=count)], {}
    _, height, width = image(rng)
    return [(int(n), height, width) for n in rng.choice([1, 2, 3, 4, 8], size=count)], {}


def _relu(rng):
    return {"activation": "relu"} if rng.integers(2) else {}


def _matmul(rng):
    rows, inner, features = (int(n) for n in rng.integers(1, 13, size=3))
    turned = bool(rng.integers(2))
    second = (features, inner) if turned else (inner, features)
    return [(rows, inner), second], {"transpose_b": turned}


def _attention(rng):
    kv_heads = int(rng.integers(1, 3))
    heads = kv_heads * int(rng.integers(1, 4))
    inner, features, queries = (int(n) for n in rng.integers(1, 7, size=3))
    # One tile for the graph: there is one array.
    keys = {"heads": heads, "kv_heads": kv_heads, "tile": 8, "causal": True}
    kind = ("plain", "padded", "window", "cache", "ring", "sinks")[int(rng.integers(6))]
    rows = int(rng.integers(1, 30))
    if kind == "plain":
        keys["causal"] = False
        keys["sinks"] = int(rng.choice([0, 3, 11]))
    if kind in ("window", "ring", "sinks"):
        keys["window"] = int(rng.integers(3, 20))
        keys["sinks"] = int(rng.integers(1, 4))
    if kind in ("cache", "ring", "sinks"):
        rows = queries
        keys["cache"] = {"length": 12 * queries} if kind == "cache" else {}
    shapes = [(queries, heads * inner), (rows, kv_heads * inner), (rows, kv_heads * features)]
    if kind == "sinks":
        keys["sink_queries"] = True
        shapes.append(shapes[0])
    if kind == "padded":
        keys["padded"] = True
        shapes.append((1,))
    return shapes, keys


def factor_type(rng):
    """Return a random type of codes that multiply as they are: 8 bits, zero point 0."""
    signed = bool(rng.integers(2))
    return QType(int(rng.integers(2, 9 if signed else 8)), signed, float(rng.choice(SCALES)))


def table_type(rng):
    """Return a random type that is narrow enough for a table of all its codes."""
    return qtype(rng, 10)


def _rope(rng):
    heads, start = int(rng.integers(1, 4)), int(rng.choice([0, 3, 50_000]))
    features = 2 * heads * int(rng.integers(1, 5))
    keys = {
        "heads": heads,
        "style": str(rng.choice(["half", "interleaved"])),
        "start": start,
        "limit": start + int(rng.integers(1, 20)) if rng.integers(2) else None,
        "running": bool(rng.integers(2)),
    }
    return [(features,) if rng.integers(4) == 0 else (int(rng.integers(1, 6)), features)], keys


def _embedding(rng):
    keys = {
        "vocabulary": int(rng.integers(2, 300)),
        "features": int(rng.integers(1, 13)),
        "positions": bool(rng.integers(2)),
    }
    return [(int(rng.integers(1, 12)),)], keys


TYPES = {"attention": factor_type, "matmul": factor_type, "gelu": table_type, "silu": table_type}
"""What draws the inputs' types of ops that do not take all of them."""

SEQUENTIAL = frozenset({"attention", "matmul"})
"""Ops that a dataflow plan cannot hold."""


def _rows_shape(rng):
    return [image(rng), (int(rng.integers(1, 6)), int(rng.integers(1, 9)))][int(rng.integers(2))]


def _crop(rng):
    shape = _rows_shape(rng)
    rows = shape[len(shape) - 2]
    first = int(rng.integers(0, rows))
    return [shape], {"first": first, "rows": int(rng.integers(1, rows - first + 1))}


CASES = {
    "add": _add,
    "argmax": lambda rng: ([(int(rng.integers(2, 30)),)], {}),
    "attention": _attention,
    "avg_pool1d": _pool1d,
    "avg_pool2d": _pool,
    "concat": _concat,
    "conv1d": _conv1d,
    "conv2d": _conv2d,
    "conv_phase2d": _conv_phase2d,
    "conv_transpose1d": _conv_transpose1d,
    "interleave": lambda rng: (
        [image(rng)] * int(rng.integers(2, 4)),
        {"axis": str(rng.choice(["rows", "columns"]))},
    ),
    "upsample1d": _upsample1d,
    "crop": _crop,
    "delay": lambda rng: ([_rows_shape(rng)], {"rows": int(rng.integers(1, 7))}),
    "embedding": _embedding,
    "flatten": lambda rng: ([_any_shape(rng)], {}),
    "gelu": lambda rng: ([_any_shape(rng)], {"approximate": str(rng.choice(["none", "tanh"]))}),
    "global_avg_pool": _whole,
    "global_max_pool": _whole,
    "hadamard": lambda rng: ([(int(rng.integers(1, 5)), int(rng.choice([2, 8, 12, 40])))], {}),
    "layer_norm": lambda rng: ([_any_shape(rng)], {"bias": bool(rng.integers(2))}),
    "linear": _linear,
    "matmul": _matmul,
    "max_pool1d": _pool1d,
    "max_pool2d": _pool,
    "mul": lambda rng: ([_any_shape(rng)] * 2, {}),
    "rms_norm": lambda rng: ([_any_shape(rng)], {}),
    "rope": _rope,
    "silu": lambda rng: ([_any_shape(rng)], {}),
    "softmax": lambda rng: ([_any_shape(rng)], {}),
    "relu": lambda rng: ([_any_shape(rng)], {}),
    "requantize": lambda rng: ([_any_shape(rng)], {}),
}


def random_net(op_name, count, seed):
    """Return a qgraph of ``count`` nodes ``n0``, ``n1``, ... that read inputs of their own."""
    rng = np.random.default_rng(seed)
    op = get_op(op_name)
    inputs, nodes = [], []
    for k in range(count):
        shapes, keys = CASES[op_name](rng)
        params = op.Params.model_validate(keys)
        draw = TYPES.get(op_name, qtype)
        types = [kind or draw(rng) for kind in op.in_types(params, shapes)]
        proposed = types[0] if rng.integers(4) == 0 else qtype(rng)
        out = op.out_type(params, types, proposed, shapes)
        weights = {
            name: rng.standard_normal(shape) for name, shape in op.weights(params, shapes).items()
        }
        options = LowerOptions(int(rng.choice([2, 3, 4, 8, 12])))
        lowered = op.lower(params, weights, shapes, types, out, options)
        names = tuple(f"x{k}_{i}" for i in range(len(shapes)))
        inputs += [QTensor(*item) for item in zip(names, shapes, types, strict=True)]
        tensor = QTensor(f"n{k}", op.shape(params, shapes), out)
        bits = acc_bits_of(op_name, lowered, shapes, types)
        nodes.append(QNode(f"n{k}", op_name, names, lowered, tensor, bits))
    qgraph = QGraph("net", tuple(inputs), tuple(nodes), tuple(node.name for node in nodes))
    check_qgraph(qgraph)
    return qgraph


def random_plan(qgraph, schedule, seed):
    """Return a plan; in a dataflow plan each engine that multiplies has a random legal fold."""
    rng = np.random.default_rng(seed)
    budget = int(rng.choice([1, 3, 8, 24]))
    if SEQUENTIAL & {node.op for node in qgraph.nodes}:
        budget += 16  # the least array
    folding = {}
    if schedule == "dataflow":
        macs = [item for item in items_of(qgraph) if item.template == "mac"]
        for item in macs:
            options = list(mac_options(item.work, 40))
            fold = options[rng.integers(len(options))].fold
            # Any size is legal, also one that leaves the last word or group partly empty.
            elements = min(fold.elements + int(rng.integers(2)), item.work.elements)
            folding[item.name] = FoldSpec(fold.rows, elements, fold.outputs, MARK, fold.groups)
        budget = 100 * max(len(macs), 1)
    return make_plan(qgraph, Accelerator(schedule, Budget(budget, None), folding, 50.0, MARK))
