"""Random nodes of each op, and the stand-alone components of ``rtl_templates`` for them."""

from dataclasses import dataclass
from math import prod

import numpy as np

from hwgen.golden import to_stream
from hwgen.ops import LowerOptions, QType, get_op
from hwgen.ops.base import channel_axis
from hwgen.plan.folding import legal_rows, vector_lanes
from hwgen.plan.model import Fold
from rtl_templates.arith.codes import Codes
from rtl_templates.mac.linear import Linear
from rtl_templates.vector.add import Add
from rtl_templates.vector.argmax import Argmax
from rtl_templates.vector.concat import Concat
from rtl_templates.vector.crop import Crop
from rtl_templates.vector.delay import Delay
from rtl_templates.vector.embedding import Embedding
from rtl_templates.vector.flatten import Flatten
from rtl_templates.vector.gelu import Gelu
from rtl_templates.vector.interleave import Interleave
from rtl_templates.vector.mul import Mul
from rtl_templates.vector.relu import Relu
from rtl_templates.vector.requantize import Requantize
from rtl_templates.vector.rope import Rope
from rtl_templates.vector.rows import RowTable
from rtl_templates.vector.silu import Silu
from rtl_templates.vector.turns import Turn
from rtl_templates.vector.upsample1d import Upsample1d
from support.array_components import (
    ARRAY_OPS,
    build_attention,
    build_matmul,
    draw_array_node,
)
from support.conv_components import (
    build_conv1d,
    build_conv2d,
    build_conv_phase2d,
    build_conv_transpose1d,
    draw_conv1d,
    draw_conv2d,
    draw_conv_phase2d,
    draw_conv_transpose1d,
    mac_keys,
    scale_of,
)
from support.pool_components import BUILD_POOL, DRAW_POOL
from support.row_components import (
    build_hadamard,
    build_layer_norm,
    build_rms_norm,
    build_softmax,
)

__all__ = ["ARRAY_OPS", "OPS", "Node", "draw_node"]

OPS = (
    *("conv1d", "conv2d", "conv_phase2d", "conv_transpose1d", "linear", "relu", *DRAW_POOL),
    *("add", "concat", "crop", "delay", "flatten", "argmax", "requantize"),
    *("gelu", "silu", "mul", "rope", "embedding", "upsample1d", "interleave"),
    *("layer_norm", "rms_norm", "softmax", "hadamard"),
)
"""Ops whose components are an engine of a dataflow plan; the others take the array."""


@dataclass
class Node:
    """An op with its parameters, types and folding."""

    op: object
    shapes: list
    types: list
    out: QType
    lowered: object
    fold: Fold
    beat: int

    @property
    def work(self):
        return self.op.work(self.lowered, self.shapes, self.types)

    @property
    def x(self):
        """Codes that hold those of every input."""
        mixed = len({item.signed for item in self.types}) > 1
        bits = max(item.bits for item in self.types) + mixed
        return Codes(bits, any(item.signed for item in self.types))

    def built(self, **sizes):
        """Return the component; ``depth`` and ``queue`` as given."""
        if self.op.name in ARRAY_OPS:
            assert not sizes, "operands lie in memories of their own"
            return (build_matmul if self.op.name == "matmul" else build_attention)(self)
        return _BUILD[self.op.name](self, sizes)

    @property
    def component(self):
        return self.built()

    def codes(self, rng, count):
        """Return ``count`` random samples per input: (count, *shape)."""
        return [
            rng.integers(item.low, item.high, size=(count, *shape), endpoint=True)
            for item, shape in zip(self.types, self.shapes, strict=True)
        ]

    def golden(self, codes):
        """Return the result in stream order: (count, elements)."""
        return to_stream(self.op.integer(self.lowered, codes))


def draw_node(name, rng):
    """Return a small random node of an op."""
    if name in ARRAY_OPS:
        return Node(*draw_array_node(name, rng))
    op = get_op(name)
    keys, shapes = _DRAW.get(name, _draw_any)(rng)
    if name in ("add", "concat", "interleave"):
        shapes = shapes * int(rng.integers(2, 4))
    if name == "mul":
        shapes = shapes * 2
    if name == "concat":
        shapes = [with_channels(shape, int(rng.integers(1, 4)) * 2) for shape in shapes]
    params = op.Params.model_validate(keys)
    op.shape(params, shapes)
    types = [kind or _draw_type(rng) for kind in op.in_types(params, shapes)]
    out = op.out_type(params, types, _draw_type(rng), shapes)
    weights = {key: rng.standard_normal(size) for key, size in op.weights(params, shapes).items()}
    options = LowerOptions(int(rng.integers(2, 7)))
    lowered = op.lower(params, weights, shapes, types, out, options)
    work = op.work(lowered, shapes, types)
    fold = Fold() if name == "flatten" else _draw_fold(rng, work)
    elements = [prod(shape) for shape in shapes]
    beat = int(rng.choice([b for b in (1, 2, 4, 8) if not any(n % b for n in elements)]))
    return Node(op, shapes, types, out, lowered, fold, beat)


def with_channels(shape, channels):
    """Return a shape with another number of channels."""
    axis = channel_axis(shape)
    return (*shape[:axis], channels, *shape[axis + 1 :])


def _draw_type(rng):
    bits, is_signed = int(rng.integers(2, 9)), bool(rng.integers(2))
    low = -(1 << (bits - 1)) if is_signed else 0
    zero_point = int(rng.choice([0, 0, low, low + (1 << bits) // 3]))
    return QType(bits, is_signed, float(rng.choice([1.0, 0.5, 0.037, 2.7])), zero_point)


def _divisors(rng, *numbers):
    """Return a power of two that divides all the numbers."""
    return int(rng.choice([b for b in (1, 2, 4, 8) if not any(n % b for n in numbers)]))


def _draw_fold(rng, work):
    if work.kind == "mac":
        rows = legal_rows(work)[-1] if rng.integers(2) else 1
        outputs = int(rng.integers(1, work.outputs + 1))
        last = work.outputs % outputs or outputs
        elements = int(rng.integers(1, work.elements + 1))
        if work.channel.count > 1 and rng.integers(2):  # whole groups side by side
            groups = int(rng.integers(1, work.channel.count + 1))
            whole, last = groups * work.outputs, work.channel.count % groups * work.outputs
            lanes = _divisors(rng, whole, last or whole)
            return Fold(rows, work.elements, work.outputs, lanes, groups=groups)
        return Fold(rows, elements, outputs, _divisors(rng, outputs, last))
    if work.kind == "concat":
        return Fold(lanes=_divisors(rng, *(port.row for port in work.ports)))
    if work.channel.dx != 1 and work.kind != "gather":
        return Fold()
    return Fold(lanes=_divisors(rng, vector_lanes(work)))


def _draw_image(rng, smallest=1):
    return tuple(int(rng.integers(smallest, 6)) for _ in range(3))


def _draw_any(rng):
    match rng.integers(4):
        case 0:
            return {}, [(int(rng.integers(1, 20)),)]
        case 1:
            return {}, [(int(rng.integers(1, 5)), int(rng.integers(1, 9)))]
    return {}, [_draw_image(rng)]


def _draw_linear(rng):
    return {"features": int(rng.integers(1, 12))}, _draw_any(rng)[1]


def _draw_upsample1d(rng):
    factor = int(rng.integers(1, 5))
    if rng.integers(2):
        return {"factor": factor}, [(int(rng.integers(1, 6)), int(rng.integers(1, 9)))]
    return {"factor": factor, "axis": ["height", "width"][int(rng.integers(2))]}, [_draw_image(rng)]


def _draw_crop(rng):
    channels, height, width = _draw_image(rng)
    first = int(rng.integers(0, height))
    rows = int(rng.integers(1, height - first + 1))
    return {"first": first, "rows": rows}, [(channels, height, width)]


def _draw_hadamard(rng):
    features = int(rng.choice([2, 4, 8, 12, 16, 20, 24, 48]))
    return {}, [(int(rng.integers(1, 5)), features)]


def _draw_rope(rng):
    heads, pairs = int(rng.integers(1, 4)), int(rng.choice([1, 2, 4, 6]))
    start = int(rng.choice([0, 0, 5, 70_000]))
    features = 2 * heads * pairs
    return {
        "heads": heads,
        "theta": float(rng.choice([100.0, 10000.0])),
        "style": ["half", "half", "interleaved"][int(rng.integers(3))],
        "start": start,
        "limit": [None, start + int(rng.integers(1, 8))][int(rng.integers(2))],
        "running": bool(rng.integers(2)),
    }, [(int(rng.integers(1, 5)), features) if rng.integers(3) else (features,)]


def _draw_embedding(rng):
    return {
        "vocabulary": int(rng.choice([3, 4, 13, 32, 300])),
        "features": int(rng.choice([1, 3, 4, 8])),
        "positions": bool(rng.integers(2)),
    }, [(int(rng.integers(1, 9)),)]


_DRAW = {
    **DRAW_POOL,
    "conv1d": draw_conv1d,
    "conv2d": draw_conv2d,
    "conv_phase2d": draw_conv_phase2d,
    "conv_transpose1d": draw_conv_transpose1d,
    "interleave": lambda rng: (
        {"axis": ["rows", "columns"][int(rng.integers(2))]},
        [_draw_image(rng)],
    ),
    "upsample1d": _draw_upsample1d,
    "linear": _draw_linear,
    "argmax": lambda rng: ({}, [(int(rng.integers(1, 20)),)]),
    "crop": _draw_crop,
    "delay": lambda rng: ({"rows": int(rng.integers(1, 7))}, [_draw_image(rng)]),
    "flatten": lambda rng: ({}, [_draw_image(rng)]),
    "gelu": lambda rng: (
        {"approximate": ["none", "tanh"][int(rng.integers(2))]},
        _draw_any(rng)[1],
    ),
    "hadamard": _draw_hadamard,
    "rope": _draw_rope,
    "embedding": _draw_embedding,
}


def _linear(node, sizes):
    rows = node.op.stream_weights(node.lowered, node.shapes)[:, 0]
    tokens = node.work.row.count
    return Linear(weights=rows.tolist(), tokens=tokens, **mac_keys(node), **sizes)


def _places(shape):
    channels = shape[channel_axis(shape)]
    return {"positions": prod(shape) // channels, "channels": channels}


def _scaled(node):
    """Return the keys of a component that scales, for its number of inputs."""
    requant = node.lowered.requant
    return requant.multiplier.tolist(), requant.offset.tolist(), scale_of(requant)


def _common(node):
    return {"x": node.x, "lanes": node.fold.lanes, "beat": node.beat}


def _relu(node, sizes):
    low = node.lowered.requant.low
    return Relu(zero_point=low, **_places(node.shapes[0]), **_common(node), **sizes)


def _requantize(node, sizes):
    (multiplier,), (offset,), scale = _scaled(node)
    return Requantize(
        multiplier=multiplier,
        offset=offset,
        scale=scale,
        out_bits=node.out.bits,
        **_places(node.shapes[0]),
        **_common(node),
        **sizes,
    )


def _add(node, sizes):
    multipliers, (offset,), scale = _scaled(node)
    return Add(
        multipliers=multipliers,
        offset=offset,
        scale=scale,
        out_bits=node.out.bits,
        **_places(node.shapes[0]),
        **_common(node),
        **sizes,
    )


def _concat(node, sizes):
    multipliers, offsets, scale = _scaled(node)
    return Concat(
        positions=_places(node.shapes[0])["positions"],
        channels=[_places(shape)["channels"] for shape in node.shapes],
        multipliers=multipliers,
        offsets=offsets,
        scale=scale,
        out_bits=node.out.bits,
        **_common(node),
        **sizes,
    )


def _crop(node, sizes):
    channels, height, width = node.shapes[0]
    attrs = node.lowered.attrs
    return Crop(
        height=height,
        row=width * channels,
        first=attrs["first"],
        rows=attrs["rows"],
        **_common(node),
        **sizes,
    )


def _delay(node, sizes):
    channels, height, width = node.shapes[0]
    return Delay(
        rows=height,
        row=width * channels,
        late=node.lowered.attrs["history"],
        zero_point=node.lowered.attrs["pad"],
        **_common(node),
        **sizes,
    )


def _interleave(node, sizes):
    multipliers, offsets, scale = _scaled(node)
    channels, height, width = node.shapes[0]
    return Interleave(
        height=height,
        width=width,
        channels=channels,
        axis=node.lowered.attrs["axis"],
        multipliers=multipliers,
        offsets=offsets,
        scale=scale,
        out_bits=node.out.bits,
        **_common(node),
        **sizes,
    )


def _flatten(node, sizes):
    return Flatten(
        x=node.x,
        pixels=prod(node.shapes[0][1:]),
        channels=node.shapes[0][0],
        beat=node.beat,
        **sizes,
    )


def _upsample1d(node, sizes):
    port, factor = node.work.ports[0], node.lowered.attrs["factor"]
    return Upsample1d(runs=port.rows, elements=port.row, factor=factor, **_common(node), **sizes)


def _argmax(node, sizes):
    return Argmax(x=node.x, elements=node.shapes[0][0], beat=node.beat, **sizes)


def _table(component):
    def build(node, sizes):
        return component(
            table=node.lowered.constants["table"].tolist(),
            out_bits=node.out.bits,
            **_places(node.shapes[0]),
            **_common(node),
            **sizes,
        )

    return build


def _mul(node, sizes):
    (multiplier,), _, scale = _scaled(node)
    return Mul(
        zeros=node.lowered.attrs["zeros"],
        multiplier=multiplier,
        scale=scale,
        out_bits=node.out.bits,
        **_places(node.shapes[0]),
        **_common(node),
        **sizes,
    )


def _rope(node, sizes):
    attrs = node.lowered.attrs
    turn = Turn(
        steps=attrs["steps"],
        sine=tuple(node.lowered.constants["sine"].tolist()),
        tokens=prod(node.shapes[0][:-1]),
        heads=attrs["heads"],
        start=attrs["start"],
        limit=attrs["limit"],
        running=attrs["running"],
        interleaved=attrs["style"] == "interleaved",
    )
    scale = scale_of(node.lowered.requant)
    zero = attrs["zero"]
    return Rope(turn=turn, scale=scale, zero=zero, out_bits=node.out.bits, **_common(node), **sizes)


def _embedding(node, sizes):
    constants = node.lowered.constants
    rows = RowTable(
        rows=tuple(map(tuple, constants["table"].tolist())),
        positions=tuple(map(tuple, constants.get("position", np.zeros((0, 0), int)).tolist())),
        low=node.out.low,
        high=node.out.high,
    )
    return Embedding(
        tokens=node.shapes[0][0], rows=rows, out_bits=node.out.bits, **_common(node), **sizes
    )


_BUILD = {
    **BUILD_POOL,
    "hadamard": build_hadamard,
    "layer_norm": build_layer_norm,
    "rms_norm": build_rms_norm,
    "softmax": build_softmax,
    "conv1d": build_conv1d,
    "conv2d": build_conv2d,
    "conv_phase2d": build_conv_phase2d,
    "conv_transpose1d": build_conv_transpose1d,
    "interleave": _interleave,
    "upsample1d": _upsample1d,
    "linear": _linear,
    "relu": _relu,
    "add": _add,
    "concat": _concat,
    "crop": _crop,
    "delay": _delay,
    "flatten": _flatten,
    "argmax": _argmax,
    "requantize": _requantize,
    "gelu": _table(Gelu),
    "silu": _table(Silu),
    "mul": _mul,
    "rope": _rope,
    "embedding": _embedding,
}
