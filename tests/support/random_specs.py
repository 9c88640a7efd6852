"""Hypothesis strategies of legal specs, as YAML text that shrinks to something small.

An op joins the generator with one function that adds a layer to a :class:`_Network`.
"""

from dataclasses import dataclass, field
from math import prod

import yaml
from hypothesis import strategies as st

MAX_ELEMENTS = 320
MAX_MACS = 20_000
WEIGHT_WIDTHS = (4, 2, 8, 3, 5, 6, 7)
WIDTHS = (*WEIGHT_WIDTHS, 16)


@dataclass
class _Network:
    """The layers drawn so far."""

    shapes: dict = field(default_factory=dict)
    layers: list = field(default_factory=list)
    inputs: dict = field(default_factory=dict)
    unread: list = field(default_factory=list)
    ended: list = field(default_factory=list)
    windows: dict = field(default_factory=dict)  # MAC layers: (kernel rows, elements, outputs)

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


def _out(size, kernel, stride):
    return (size - kernel) // stride + 1


def _conv2d(draw, net, source):
    channels, height, width = net.shapes[source]
    groups = draw(st.sampled_from([g for g in (1, 2, 3, 4) if channels % g == 0]))
    outputs = groups * draw(st.integers(1, 6 // groups if groups < 4 else 2))
    kernel = [draw(st.integers(1, 3)), draw(st.integers(1, 3))]
    stride = [draw(st.integers(1, 2)), draw(st.integers(1, 2))]
    style = draw(st.sampled_from(["valid", "same", "pads"]))
    if style == "pads":
        padding = [[draw(st.integers(0, 2)) for _ in range(2)] for _ in range(2)]
    else:
        padding = style
    if style == "same":
        size = [-(-height // stride[0]), -(-width // stride[1])]
    else:
        pads = [sum(axis) for axis in padding] if style == "pads" else [0, 0]
        kernel = [min(kernel[0], height + pads[0]), min(kernel[1], width + pads[1])]
        if style == "pads":  # a side is narrower than the kernel
            padding = [
                [min(pad, k - 1) for pad in axis] for axis, k in zip(padding, kernel, strict=True)
            ]
            pads = [sum(axis) for axis in padding]
            kernel = [min(kernel[0], height + pads[0]), min(kernel[1], width + pads[1])]
        size = [
            _out(height + pads[0], kernel[0], stride[0]),
            _out(width + pads[1], kernel[1], stride[1]),
        ]
    shape = (outputs, *size)
    if prod(shape) * prod(kernel) * channels // groups > MAX_MACS:
        return None
    name = net.add(
        "conv2d",
        [source],
        shape,
        channels=outputs,
        kernel=kernel,
        stride=stride,
        padding=padding,
        groups=groups,
        bias=draw(st.booleans()),
        activation=draw(st.sampled_from(["none", "relu"])),
    )
    elements = channels // groups if groups > 1 else channels * kernel[1]
    net.windows[name] = (kernel[0], elements, outputs // groups)
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
    net.windows[name] = (1, prod(shape) // prod(tokens), features)
    return name


def _pool(op):
    def draw_pool(draw, net, source):
        channels, height, width = net.shapes[source]
        kernel = [draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width)))]
        stride = [draw(st.integers(1, 3)), draw(st.integers(1, 3))]
        shape = (channels, _out(height, kernel[0], stride[0]), _out(width, kernel[1], stride[1]))
        return net.add(op, [source], shape, kernel=kernel, stride=stride)

    return draw_pool


def _plain(op):
    def draw_plain(draw, net, source):
        shape = net.shapes[source]
        shape = (prod(shape),) if op == "flatten" else shape
        return net.add(op, [source], shape)

    return draw_plain


def _argmax(draw, net, source):
    name = net.add("argmax", [source], (1,))
    net.unread.remove(name)
    net.ended.append(name)
    return name


def _partners(net, source, same):
    return [
        name
        for name, shape in net.shapes.items()
        if name not in net.ended and same(shape, net.shapes[source])
    ]


def _add(draw, net, source):
    others = _partners(net, source, lambda a, b: a == b)
    count = draw(st.integers(1, 2))
    sources = [source, *(draw(st.sampled_from(others)) for _ in range(count))]
    return net.add(
        "add", sources, net.shapes[source], activation=draw(st.sampled_from(["none", "relu"]))
    )


def _concat(draw, net, source):
    axis = 1 if len(net.shapes[source]) == 2 else 0

    def places(shape):
        return [None if k == axis else size for k, size in enumerate(shape)]

    others = _partners(net, source, lambda a, b: places(a) == places(b))
    count = draw(st.integers(1, 2))
    sources = [source, *(draw(st.sampled_from(others)) for _ in range(count))]
    shape = list(net.shapes[source])
    shape[axis] = sum(net.shapes[name][axis] for name in sources)
    shape = tuple(shape)
    return None if prod(shape) > MAX_ELEMENTS else net.add("concat", sources, shape)


IMAGE_OPS = {
    "conv2d": _conv2d,
    "max_pool2d": _pool("max_pool2d"),
    "avg_pool2d": _pool("avg_pool2d"),
}
VECTOR_OPS = {"argmax": _argmax}
PLACE_OPS = {"flatten": _plain("flatten")}  # of an image or a sequence
ANY_OPS = {
    "linear": _linear,
    "relu": _plain("relu"),
    "requantize": _plain("requantize"),
    "add": _add,
    "concat": _concat,
}
DRAWN_OPS = {**IMAGE_OPS, **PLACE_OPS, **VECTOR_OPS, **ANY_OPS}
CHOICE = {  # by rank
    1: (*ANY_OPS, *VECTOR_OPS, "linear", "linear", "add", "concat"),
    2: (*ANY_OPS, *PLACE_OPS, "linear", "linear", "add", "concat"),
    3: (*ANY_OPS, *PLACE_OPS, *IMAGE_OPS, "conv2d", "conv2d", "conv2d", "add", "concat"),
}

# Ops whose result the spec may give a width; the others pass their input's type on.
SIZED_OPS = {"conv2d", "linear", "add", "concat", "requantize", "avg_pool2d"}


def _shape(draw):
    rank = draw(st.sampled_from([1, 3, 2, 3]))
    if rank == 1:
        return (draw(st.integers(1, 12)),)
    if rank == 2:
        return (draw(st.integers(1, 6)), draw(st.integers(1, 16)))
    return (draw(st.integers(1, 4)), draw(st.integers(1, 7)), draw(st.integers(1, 7)))


@st.composite
def networks(draw):
    """Return a network of one to six layers: chains, residual additions, branches that join."""
    net = _Network()
    for index in range(draw(st.sampled_from([1, 1, 1, 2]))):
        name = f"x{index}"
        net.inputs[name] = net.shapes[name] = _shape(draw)
        net.unread.append(name)
    for _ in range(draw(st.integers(1, 6))):
        pending = [name for name in net.unread if name in net.inputs]
        living = [name for name in net.shapes if name not in net.ended]
        # The newest tensor first: it makes chains, and what is simplest when shrinking.
        source = draw(st.sampled_from([*pending, *living[::-1]]))
        choice = CHOICE[len(net.shapes[source])]
        DRAWN_OPS[draw(st.sampled_from(choice))](draw, net, source)
    for name in [name for name in net.unread if name in net.inputs]:
        _plain("requantize")(draw, net, name)
    return net


def _precision(draw):
    return {
        "weights": f"int{draw(st.sampled_from(WEIGHT_WIDTHS))}",
        "activations": f"int{draw(st.sampled_from(WIDTHS))}",
        "symmetric": draw(st.booleans()),
    }


def _folding(draw, net):
    """Return foldings of some MAC layers and the multipliers that they need."""
    folding, needed = {}, 0
    for name, (rows, elements, outputs) in net.windows.items():
        if not draw(st.booleans()):
            needed += 1
            continue
        fold = {
            "rows": draw(st.sampled_from([1, rows])),
            "elements": draw(st.integers(1, elements)),
            "outputs": draw(st.integers(1, outputs)),
        }
        folding[name] = fold
        needed += prod(fold.values())
    return folding, needed


@st.composite
def specs(draw):
    """Return the YAML text of a legal spec with random weights."""
    net = draw(networks())
    schedule = draw(st.sampled_from(["sequential", "dataflow"]))
    folding, needed = _folding(draw, net) if schedule == "dataflow" else ({}, 1)
    budget = max(1, needed) + draw(st.integers(0, 30))
    names = [*net.inputs, *(item["name"] for item in net.layers if item["op"] in SIZED_OPS)]
    precise = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    layers = {}
    for name in precise:
        layers[name] = _precision(draw)
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
        "quantize": {"default": _precision(draw), "layers": layers},
        "accelerator": {"schedule": schedule, "budget": {"multipliers": budget}},
    }
    if folding:
        spec["accelerator"]["folding"] = folding
    if not layers:
        del spec["quantize"]["layers"]
    return yaml.safe_dump(spec, sort_keys=False, default_flow_style=None, width=100)
