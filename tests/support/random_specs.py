"""Hypothesis strategies of legal specs, as YAML text that shrinks to something small.

An op joins the generator with one function that adds a layer to a :class:`_Network`.
"""

from dataclasses import dataclass, field
from math import prod

import yaml
from hypothesis import strategies as st

from hwgen.ops.orthogonal import factors
from support.random_windows import IMAGE_WINDOWS, MAX_ELEMENTS, MAX_MACS, SEQUENCE_WINDOWS

WEIGHT_WIDTHS = (4, 2, 8, 3, 5, 6, 7)
WIDTHS = (*WEIGHT_WIDTHS, 16)
FAMILIES = ("ecp5", "ice40", "xilinx", "xcup")


@dataclass
class _Network:
    """The layers drawn so far."""

    shapes: dict = field(default_factory=dict)
    layers: list = field(default_factory=list)
    inputs: dict = field(default_factory=dict)
    unread: list = field(default_factory=list)
    ended: list = field(default_factory=list)
    counts: list = field(default_factory=list)  # inputs that nothing else reads
    windows: dict = field(
        default_factory=dict
    )  # MAC layers: kernel rows, elements, outputs, groups

    def read(self, name):
        if name in self.unread:
            self.unread.remove(name)

    def add(self, op, sources, shape, **keys):
        """Append a layer; return its name."""
        name = f"{op[:2]}{len(self.layers)}"
        source = sources[0] if len(sources) == 1 else list(sources)
        self.layers.append({"name": name, "op": op, "in": source, **keys})
        for item in sources:
            self.read(item)
        self.shapes[name] = shape
        self.unread.append(name)
        return name


def _linear(draw, net, source):
    features = draw(st.integers(1, 12))
    shape = net.shapes[source]
    tokens = shape[:1] if len(shape) == 2 else ()
    if prod(shape) * features > MAX_MACS or prod(tokens) * features > MAX_ELEMENTS:
        return None
    name = net.add(
        "linear",
        [source],
        (*tokens, features),
        features=features,
        bias=draw(st.booleans()),
        activation=draw(st.sampled_from(["none", "relu"])),
    )
    net.windows[name] = (1, prod(shape) // prod(tokens), features, 1)
    return name


def _plain(op):
    def draw_plain(draw, net, source):
        shape = net.shapes[source]
        shape = (prod(shape),) if op == "flatten" else shape
        return net.add(op, [source], shape)

    return draw_plain


def _delay(draw, net, source):
    return net.add("delay", [source], net.shapes[source], rows=draw(st.integers(1, 9)))


def _crop(draw, net, source):
    shape = list(net.shapes[source])
    axis = len(shape) - 2
    first = draw(st.integers(0, shape[axis] - 1))
    shape[axis] = draw(st.integers(1, shape[axis] - first))
    return net.add("crop", [source], tuple(shape), first=first, rows=shape[axis])


def _argmax(draw, net, source):
    name = net.add("argmax", [source], (1,))
    net.unread.remove(name)
    net.ended.append(name)
    return name


def _partners(net, source, same):
    return [
        name
        for name, shape in net.shapes.items()
        if name not in (*net.ended, *net.counts) and same(shape, net.shapes[source])
    ]


def _add(draw, net, source):
    others = _partners(net, source, lambda a, b: a == b)
    count = draw(st.integers(1, 2))
    sources = [source, *(draw(st.sampled_from(others)) for _ in range(count))]
    return net.add(
        "add", sources, net.shapes[source], activation=draw(st.sampled_from(["none", "relu"]))
    )


def _concat(draw, net, source):
    rank = len(net.shapes[source])
    along = rank > 1 and draw(st.booleans())
    axis = rank - 2 if along else 1 if rank == 2 else 0

    def places(shape):
        return [None if k == axis else size for k, size in enumerate(shape)]

    others = _partners(net, source, lambda a, b: places(a) == places(b))
    count = draw(st.integers(1, 2))
    sources = [source, *(draw(st.sampled_from(others)) for _ in range(count))]
    shape = list(net.shapes[source])
    shape[axis] = sum(net.shapes[name][axis] for name in sources)
    shape = tuple(shape)
    keys = {"axis": "rows"} if along else {}
    return None if prod(shape) > MAX_ELEMENTS else net.add("concat", sources, shape, **keys)


def _mul(draw, net, source):
    others = _partners(net, source, lambda a, b: a == b)
    return net.add("mul", [source, draw(st.sampled_from(others))], net.shapes[source])


def _divisors(number):
    return [n for n in range(1, number + 1) if number % n == 0]


def _rope(draw, net, source):
    shape = net.shapes[source]
    heads = [n for n in _divisors(shape[-1]) if shape[-1] % (2 * n) == 0]
    if not heads:
        return None
    start = draw(st.integers(0, 40))
    keys = {"limit": start + draw(st.integers(1, 9))} if draw(st.booleans()) else {}
    return net.add(
        "rope",
        [source],
        shape,
        heads=draw(st.sampled_from(heads)),
        theta=draw(st.sampled_from([10000.0, 50.0, 1.5])),
        style=draw(st.sampled_from(["half", "interleaved"])),
        start=start,
        running=draw(st.booleans()),
        **keys,
    )


def _hadamard(draw, net, source):
    shape = net.shapes[source]
    size = shape[0] if len(shape) == 3 else shape[-1]
    return net.add("hadamard", [source], shape) if factors(size) else None


def _embedding(draw, net, source):
    if source not in net.inputs:  # what computes ids would have to count them
        return None
    shape = (net.shapes[source][0], draw(st.integers(1, 9)))
    keys = {}
    if draw(st.booleans()):
        keys["positions"] = True
        keys["max_positions"] = shape[0] + draw(st.integers(0, 3))
    vocabulary = draw(st.integers(2, 40))
    return net.add("embedding", [source], shape, vocabulary=vocabulary, features=shape[1], **keys)


def _matmul(draw, net, source):
    rows, inner = net.shapes[source]
    turned = draw(st.booleans())
    axis = 1 if turned else 0
    others = _partners(net, source, lambda a, _: len(a) == 2 and a[axis] == inner)
    if not others:
        return None
    other = draw(st.sampled_from(others))
    shape = (rows, net.shapes[other][1 - axis])
    if prod(shape) > MAX_ELEMENTS or prod(shape) * inner > MAX_MACS:
        return None
    return net.add("matmul", [source, other], shape, transpose_b=turned)


def _attention(draw, net, source):
    rows, features = net.shapes[source]
    heads = draw(st.sampled_from(_divisors(features)))
    kv_heads = draw(st.sampled_from(_divisors(heads)))
    wide = features // heads * kv_heads
    keys = _partners(net, source, lambda a, _: len(a) == 2 and a[1] == wide)
    if not keys:
        return None
    key = draw(st.sampled_from(keys))
    length = net.shapes[key][0]
    values = _partners(net, key, lambda a, b: len(a) == 2 and a[0] == b[0] and not a[1] % kv_heads)
    value = draw(st.sampled_from(values))
    shape = (rows, heads * (net.shapes[value][1] // kv_heads))
    if prod(shape) > MAX_ELEMENTS:
        return None
    options, inputs = {"causal": draw(st.booleans())}, [source, key, value]
    if options["causal"]:
        if draw(st.booleans()):
            options["window"] = draw(st.integers(1, 9))
            options["sinks"] = draw(st.integers(0, min(3, options["window"])))
        if length == rows and draw(st.sampled_from([True, True, False])):
            room = {} if "window" in options else {"length": rows * draw(st.integers(3, 5))}
            options["cache"] = room
            ends = features // heads, net.shapes[value][1] // kv_heads
            if not any(size % 2 for size in ends) and draw(st.sampled_from([True, True, False])):
                options["cache"] = room | {"bits": 4}
    if "cache" not in options and draw(st.booleans()):
        count = f"n{len(net.layers)}"
        net.inputs[count] = net.shapes[count] = (1,)
        net.counts.append(count)
        options["padded"] = True
        inputs.append(count)
    return net.add("attention", inputs, shape, heads=heads, kv_heads=kv_heads, tile=8, **options)


VECTOR_OPS = {"argmax": _argmax, "embedding": _embedding}
ARRAY_OPS = {"matmul": _matmul, "attention": _attention}  # of sequences, schedule sequential
TABLE_OPS = {"gelu": _plain("gelu"), "silu": _plain("silu")}  # of 10 bits at most
TURN_OPS = {"rope": _rope}  # of a sequence or a vector
PLACE_OPS = {
    "flatten": _plain("flatten"),
    "crop": _crop,
    "delay": _delay,
}  # of an image or a sequence
ANY_OPS = {
    "linear": _linear,
    "relu": _plain("relu"),
    "requantize": _plain("requantize"),
    "add": _add,
    "concat": _concat,
    "mul": _mul,
    "layer_norm": _plain("layer_norm"),
    "rms_norm": _plain("rms_norm"),
    "softmax": _plain("softmax"),
    "hadamard": _hadamard,
    **TABLE_OPS,
}
WINDOW_OPS = {**IMAGE_WINDOWS, **SEQUENCE_WINDOWS}
DRAWN_OPS = {**WINDOW_OPS, **PLACE_OPS, **VECTOR_OPS, **ANY_OPS, **TURN_OPS, **ARRAY_OPS}
CHOICE = {  # by rank
    1: (*ANY_OPS, *TURN_OPS, *VECTOR_OPS, "linear", "linear", "add", "concat"),
    2: (
        *(*ANY_OPS, *TURN_OPS, *PLACE_OPS, *ARRAY_OPS, *SEQUENCE_WINDOWS),
        *("linear", "linear", "conv1d", "add", "concat"),
    ),
    3: (*ANY_OPS, *PLACE_OPS, *IMAGE_WINDOWS, "conv2d", "conv2d", "conv2d", "add", "concat"),
}

# Ops whose result the spec may give a width; the others pass their input's type on.
KEPT = {
    "relu",
    "interleave",
    "upsample1d",
    "max_pool1d",
    "max_pool2d",
    "global_max_pool",
    "flatten",
    "argmax",
}
SIZED_OPS = set(DRAWN_OPS) - {*KEPT, "crop", "delay"}


def _shape(draw, ranks=(1, 3, 2, 3)):
    rank = draw(st.sampled_from(ranks))
    if rank == 1:
        return (draw(st.integers(1, 12)),)
    if rank == 2:
        return (draw(st.integers(1, 6)), draw(st.integers(1, 16)))
    return (draw(st.integers(1, 4)), draw(st.integers(1, 7)), draw(st.integers(1, 7)))


@st.composite
def networks(draw, first=()):
    """Return a network of one to six layers: chains, residual additions, branches that join.

    One of the ops ``first`` is applied to the first input, if there are any.
    """
    net = _Network()
    start = draw(st.sampled_from(first)) if first else ""
    ranks = [rank for rank, ops in CHOICE.items() if start in ops]
    for index in range(draw(st.sampled_from([1, 1, 1, 2]))):
        name = f"x{index}"
        shape = _shape(draw, ranks) if ranks and not index else _shape(draw)
        net.inputs[name] = net.shapes[name] = shape
        net.unread.append(name)
    if start:
        DRAWN_OPS[start](draw, net, "x0")
    for _ in range(draw(st.integers(0 if net.layers else 1, 5))):
        pending = [name for name in net.unread if name in net.inputs]
        living = [name for name in net.shapes if name not in (*net.ended, *net.counts)]
        # The newest tensor first: it makes chains, and what is simplest when shrinking.
        source = draw(st.sampled_from([*pending, *living[::-1]]))
        choice = CHOICE[len(net.shapes[source])]
        DRAWN_OPS[draw(st.sampled_from(choice))](draw, net, source)
    for name in [name for name in net.unread if name in net.inputs]:
        _plain("requantize")(draw, net, name)
    return net


def _precision(draw, ops, *, packed=False):
    """Return widths that every op of the network can work on; ``packed``: more than 4 bits."""
    widths, symmetric = WIDTHS, [True, False]
    if ops & {"mul", *TABLE_OPS, *ARRAY_OPS}:
        widths = WEIGHT_WIDTHS
    if ops & set(ARRAY_OPS):  # unsigned codes are two's complement of one bit more
        widths, symmetric = [width for width in widths if width < 8], [True]
    if packed:
        widths = [width for width in widths if width > 4]
    return {
        "weights": f"int{draw(st.sampled_from(WEIGHT_WIDTHS))}",
        "activations": f"int{draw(st.sampled_from(widths))}",
        "symmetric": draw(st.sampled_from(symmetric)),
    }


def _folding(draw, net):
    """Return foldings of some MAC layers and the multipliers that they need."""
    folding, needed = {}, 0
    for name, (rows, elements, outputs, groups) in net.windows.items():
        if not draw(st.booleans()):
            needed += 1
            continue
        fold = {
            "rows": draw(st.sampled_from([1, rows])),
            "elements": draw(st.integers(1, elements)),
            "outputs": draw(st.integers(1, outputs)),
        }
        if groups > 1 and draw(st.booleans()):
            fold |= {"elements": elements, "outputs": outputs}
            fold["groups"] = draw(st.integers(1, groups))
        folding[name] = fold
        needed += prod(fold.values())
    return folding, needed


@st.composite
def specs(draw, first=()):
    """Return the YAML text of a legal spec with random weights; ``first`` as in `networks`."""
    net = draw(networks(first))
    ops = {item["op"] for item in net.layers}
    schedule = draw(st.sampled_from(["sequential", "dataflow"]))
    if ops & set(ARRAY_OPS):
        schedule = "sequential"
    folding, needed = _folding(draw, net) if schedule == "dataflow" else ({}, 1)
    if ops & set(ARRAY_OPS):
        needed = 8 + bool(net.windows)  # a column, and an engine of convolution
    budget = max(1, needed) + draw(st.integers(0, 30))
    names = [*net.inputs, *(item["name"] for item in net.layers if item["op"] in SIZED_OPS)]
    precise = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    layers, packed = {}, any(item.get("cache", {}).get("bits") == 4 for item in net.layers)
    for name in precise:
        layers[name] = _precision(draw, ops, packed=packed)
        if name not in net.windows:
            del layers[name]["weights"]
    spec = {
        "hwgen": 1,
        "name": "random_spec",
        "model": {
            "inputs": {name: {"shape": list(shape)} for name, shape in net.inputs.items()},
            "layers": net.layers,
            "outputs": [*net.unread, *net.ended],
        },
        "weights": {"random": draw(st.integers(0, 99))},
        "quantize": {"default": _precision(draw, ops, packed=packed), "layers": layers},
        "accelerator": {"schedule": schedule, "budget": {"multipliers": budget}},
    }
    if folding:
        spec["accelerator"]["folding"] = folding
    family = draw(st.sampled_from(["plain", "lut", *FAMILIES]))
    if family in FAMILIES:
        spec["accelerator"] |= {"multiplier": "packed", "family": family}
        if schedule == "dataflow" and draw(st.booleans()):
            spec["accelerator"]["multiplier"] = "polynomial"
            spec["accelerator"]["budget"]["multipliers"] += 36 * len(net.windows)
    else:
        spec["accelerator"]["multiplier"] = family
    if not layers:
        del spec["quantize"]["layers"]
    return yaml.safe_dump(spec, sort_keys=False, default_flow_style=None, width=100)
