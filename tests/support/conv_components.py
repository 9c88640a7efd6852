"""Random convolutions, and the stand-alone components of ``rtl_templates`` for them."""

import numpy as np

from rtl_templates.arith.requantize import Scale
from rtl_templates.conv.conv1d import Conv1d
from rtl_templates.conv.conv2d import Conv2d
from rtl_templates.conv.conv_phase2d import ConvPhase2d
from rtl_templates.conv.conv_transpose1d import ConvTranspose1d
from rtl_templates.mac.mac_op import MacFold

__all__ = [
    "build_conv1d",
    "build_conv2d",
    "build_conv_phase2d",
    "build_conv_transpose1d",
    "draw_conv1d",
    "draw_conv2d",
    "draw_conv_phase2d",
    "draw_conv_transpose1d",
    "mac_keys",
    "scale_of",
]


def draw_conv2d(rng):
    groups = int(rng.integers(1, 3))
    shape = (groups * int(rng.integers(1, 4)), *(int(rng.integers(3, 7)) for _ in range(2)))
    kernel = [int(rng.integers(1, 4)) for _ in range(2)]
    dilation = [int(rng.choice([1, 1, 2])) for _ in range(2)]
    extents = [(size - 1) * apart + 1 for size, apart in zip(kernel, dilation, strict=True)]
    pads = [[int(rng.integers(0, extent)) for _ in range(2)] for extent in extents]
    fits = all(extent <= size for extent, size in zip(extents, shape[1:], strict=True))
    return {
        "channels": groups * int(rng.integers(1, 5)),
        "kernel": kernel,
        "stride": [int(rng.integers(1, 4)) for _ in range(2)],
        "dilation": dilation,
        "padding": ["same", "valid", pads][int(rng.integers(3))] if fits else "same",
        "padding_mode": _mode(rng, extents, shape[1:]),
        "groups": groups,
        "activation": ["none", "relu"][int(rng.integers(2))],
    }, [shape]


def _mode(rng, extents, sizes):
    """Draw what padding reads as; no side has more than the window is long, less one."""
    fits = all(extent <= size for extent, size in zip(extents, sizes, strict=True))
    return "reflect" if fits and rng.integers(2) else "zero"


def draw_conv1d(rng):
    groups = int(rng.integers(1, 3))
    tokens, kernel, dilation = (int(rng.integers(1, most)) for most in (9, 5, 4))
    extent = (kernel - 1) * dilation + 1
    pads = [int(rng.integers(0, extent)) for _ in range(2)]
    styles = ["same", "causal", *(["valid", pads] if tokens >= extent else [])]
    return {
        "channels": groups * int(rng.integers(1, 5)),
        "kernel": kernel,
        "stride": int(rng.integers(1, 4)),
        "dilation": dilation,
        "padding": styles[int(rng.integers(len(styles)))],
        "padding_mode": _mode(rng, [extent], [tokens]),
        "groups": groups,
        "activation": ["none", "relu"][int(rng.integers(2))],
    }, [(tokens, groups * int(rng.integers(1, 5)))]


def draw_conv_transpose1d(rng):
    stride, kernel = int(rng.integers(1, 5)), int(rng.integers(1, 8))
    tokens = int(rng.integers(1, 7))
    pads = [int(rng.integers(0, min(3, kernel))), int(rng.integers(0, min(3, kernel)))]
    out = (tokens - 1) * stride + kernel - sum(pads)
    if out < 1:
        pads, out = [0, 0], (tokens - 1) * stride + kernel
    return {
        "channels": int(rng.integers(1, 5)),
        "kernel": kernel,
        "stride": stride,
        "padding": pads,
        "output_padding": -out % stride,
        "activation": ["none", "relu"][int(rng.integers(2))],
    }, [(tokens, int(rng.integers(1, 7)))]


def draw_conv_phase2d(rng):
    stride, kernel = int(rng.integers(1, 4)), [int(rng.integers(1, 4)), int(rng.integers(1, 6))]
    channels, height, width = (int(rng.integers(1, 5)) for _ in range(3))
    groups = int(rng.integers(1, 4)) if stride == 1 else 1
    return {
        "channels": int(rng.integers(1, 4)) * groups,
        "groups": groups,
        "kernel": kernel,
        "rows": int(rng.integers(1, 6)),
        "columns": int(rng.integers(1, width + 2)) * stride,
        "lead": int(rng.integers(0, 3)),
        "left": int(rng.integers(0, kernel[1] + 1)),
        "stride": stride,
        "activation": ["none", "relu"][int(rng.integers(2))],
    }, [(channels * groups, height, width)]


def scale_of(requant):
    return Scale(requant.shift, requant.zero_point, requant.low, requant.high)


def mac_keys(node):
    """Return what every component that multiplies by weights takes."""
    requant, bias = node.lowered.requant, node.lowered.constants["bias"]
    return {
        "x": node.x,
        "biases": bias.tolist(),
        "multipliers": np.broadcast_to(requant.multiplier, bias.shape).tolist(),
        "scale": scale_of(requant),
        "out_bits": node.out.bits,
        "fold": MacFold(
            *(node.fold.rows, node.fold.elements, node.fold.outputs, node.fold.lanes),
            groups=node.fold.groups,
        ),
        "beat": node.beat,
    }


def build_conv2d(node, sizes):
    channels, height, width = node.shapes[0]
    attrs = node.lowered.attrs
    return Conv2d(
        height=height,
        width=width,
        channels=channels,
        weights=node.lowered.constants["weight"].tolist(),
        stride=attrs["stride"],
        dilation=attrs["dilation"],
        padding=attrs["padding"],
        reflect=attrs["padding_mode"] == "reflect",
        groups=attrs["groups"],
        pad=attrs["pad"],
        **mac_keys(node),
        **sizes,
    )


def build_conv1d(node, sizes):
    tokens, features = node.shapes[0]
    attrs = node.lowered.attrs
    return Conv1d(
        tokens=tokens,
        features=features,
        weights=node.lowered.constants["weight"].tolist(),
        stride=attrs["stride"][0],
        dilation=attrs["dilation"][0],
        padding=attrs["padding"][0],
        reflect=attrs["padding_mode"] == "reflect",
        groups=attrs["groups"],
        pad=attrs["pad"],
        **mac_keys(node),
        **sizes,
    )


def build_conv_transpose1d(node, sizes):
    tokens, features = node.shapes[0]
    attrs = node.lowered.attrs
    return ConvTranspose1d(
        tokens=tokens,
        features=features,
        weights=node.lowered.constants["weight"].tolist(),
        positions=node.work.row.count,
        first=attrs["first"],
        halves=attrs["halves"],
        pad=attrs["pad"],
        **mac_keys(node),
        **sizes,
    )


def build_conv_phase2d(node, sizes):
    channels, height, width = node.shapes[0]
    attrs = node.lowered.attrs
    return ConvPhase2d(
        height=height,
        width=width,
        channels=channels,
        weights=node.lowered.constants["weight"].tolist(),
        rows=node.work.row.count,
        columns=node.work.column.count,
        first=attrs["first"],
        halves=attrs["halves"],
        groups=attrs["groups"],
        pad=attrs["pad"],
        **mac_keys(node),
        **sizes,
    )
