"""Layers of random specs that move a window: convolution and pooling.

Each function adds a layer to a network of ``random_specs`` and returns its name, or None if it
would be too large.
"""

from math import prod

from hypothesis import strategies as st

from hwgen.ops.base import channel_axis

__all__ = ["IMAGE_WINDOWS", "MAX_ELEMENTS", "MAX_MACS", "SEQUENCE_WINDOWS"]

MAX_ELEMENTS = 320
MAX_MACS = 20_000


def _extent(kernel, dilation):
    return (kernel - 1) * dilation + 1


def _axis(draw, size, style):
    """Return kernel, stride, dilation, padding and outputs along one axis."""
    kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    dilation = draw(st.sampled_from([1, 1, 2]))
    if style == "same":
        return kernel, stride, dilation, None, -(-size // stride)
    pads = [draw(st.integers(0, 2)) for _ in range(2)] if style == "pads" else [0, 0]
    while True:  # a side is narrower than the window, and the window fits
        extent = _extent(kernel, dilation)
        pads = [extent - 1, 0] if style == "causal" else [min(pad, extent - 1) for pad in pads]
        if extent <= size + sum(pads):
            return kernel, stride, dilation, pads, (size + sum(pads) - extent) // stride + 1
        kernel, dilation = (kernel, 1) if dilation > 1 else (kernel - 1, 1)


def _mac_keys(draw):
    return {
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from(["none", "relu"])),
    }


def _channels(draw, channels):
    """Return groups and output channels."""
    groups = draw(st.sampled_from([g for g in (1, 2, 3, 4) if channels % g == 0]))
    return groups, groups * draw(st.integers(1, 6 // groups if groups < 4 else 2))


def _mode(draw, keys, sizes):
    """Draw what padding reads as; return it, and how much of it is reflected by axis."""
    triples = [keys[key] for key in ("kernel", "stride", "dilation")]
    triples = [item if isinstance(item, list) else [item] for item in triples]
    amounts = []
    for axis, (size, kernel, stride, dilation) in enumerate(zip(sizes, *triples, strict=True)):
        extent = _extent(kernel, dilation)
        pads = keys["padding"]
        if pads == "same":
            total = max((-(-size // stride) - 1) * stride + extent - size, 0)
            sides = [total // 2, total - total // 2]
        elif isinstance(pads, str):
            sides = [extent - 1 if pads == "causal" else 0, 0]
        else:
            sides = pads[axis] if len(sizes) == 2 else pads
        if max(sides) >= size:
            return "zero", [0] * len(sizes)
        amounts.append(sum(sides))
    mode = draw(st.sampled_from(["zero", "zero", "reflect"]))
    return mode, amounts if mode == "reflect" else [0] * len(sizes)


def _conv2d(draw, net, source):
    channels, height, width = net.shapes[source]
    groups, outputs = _channels(draw, channels)
    style = draw(st.sampled_from(["valid", "same", "pads"]))
    axes = [_axis(draw, size, style) for size in (height, width)]
    kernel, stride, dilation, pads, size = (list(item) for item in zip(*axes, strict=True))
    shape = (outputs, *size)
    if prod(shape) * prod(kernel) * channels // groups > MAX_MACS:
        return None
    keys = {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": pads if style == "pads" else style,
    }
    mode, reflected = _mode(draw, keys, (height, width))
    keys |= {"padding_mode": mode, "groups": groups, **_mac_keys(draw)}
    name = net.add("conv2d", [source], shape, channels=outputs, **keys)
    whole = groups == 1 and dilation[1] == 1 and not reflected[1]
    elements = channels * kernel[1] if whole else channels // groups
    rows = 1 if any(reflected) else kernel[0]
    net.windows[name] = (rows, elements, outputs // groups, groups)
    return name


def _conv1d(draw, net, source):
    tokens, features = net.shapes[source]
    groups, outputs = _channels(draw, features)
    style = draw(st.sampled_from(["causal", "same", "valid", "pads"]))
    kernel, stride, dilation, pads, length = _axis(draw, tokens, style)
    if length * outputs * kernel * features // groups > MAX_MACS:
        return None
    keys = {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": pads if style == "pads" else style,
    }
    mode, reflected = _mode(draw, keys, (tokens,))
    keys |= {"padding_mode": mode, "groups": groups, **_mac_keys(draw)}
    name = net.add("conv1d", [source], (length, outputs), channels=outputs, **keys)
    rows = 1 if any(reflected) else kernel
    net.windows[name] = (rows, features // groups, outputs // groups, groups)
    return name


def _conv_transpose1d(draw, net, source):
    tokens, features = net.shapes[source]
    stride, kernel = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    pads = [draw(st.integers(0, (kernel - 1) // 2)) for _ in range(2)]
    extra = (sum(pads) - kernel) % stride
    groups, outputs = _channels(draw, features)
    length = (tokens - 1) * stride + kernel - sum(pads) + extra
    macs = length * outputs * features * (-(-kernel // stride) + 1)
    if length * outputs > MAX_ELEMENTS or macs > MAX_MACS:
        return None
    name = net.add(
        "conv_transpose1d",
        [source],
        (length, outputs),
        channels=outputs,
        kernel=kernel,
        stride=stride,
        padding=pads,
        output_padding=extra,
        groups=groups,
        **_mac_keys(draw),
    )
    net.windows[name] = (1, features // groups, outputs // groups, groups)
    return name


def _conv_phase2d(draw, net, source):
    channels, _, width = net.shapes[source]
    stride, kernel = draw(st.integers(1, 3)), [draw(st.integers(1, 3)), draw(st.integers(1, 4))]
    groups, outputs = _channels(draw, channels) if stride == 1 else (1, draw(st.integers(1, 4)))
    rows = draw(st.integers(1, 5))
    length = stride * draw(st.integers(1, width + 1))
    macs = rows * length * outputs * channels * kernel[0] * (-(-kernel[1] // stride) + 1) // groups
    if rows * length * outputs > MAX_ELEMENTS or macs > MAX_MACS:
        return None
    name = net.add(
        "conv_phase2d",
        [source],
        (outputs, rows, length),
        channels=outputs,
        kernel=kernel,
        rows=rows,
        columns=length,
        lead=draw(st.integers(0, 2)),
        left=draw(st.integers(0, kernel[1])),
        stride=stride,
        groups=groups,
        **_mac_keys(draw),
    )
    net.windows[name] = (kernel[0], channels // groups, outputs // groups, groups)
    return name


def _interleave(draw, net, source):
    shape = net.shapes[source]
    others = [name for name, other in net.shapes.items() if other == shape]
    sources = [source, *(draw(st.sampled_from(others)) for _ in range(draw(st.integers(1, 2))))]
    if len(sources) * prod(shape) > MAX_ELEMENTS:
        return None
    axis = draw(st.sampled_from(["rows", "columns"]))
    place = ["channels", "rows", "columns"].index(axis)
    shape = tuple(n * len(sources) if k == place else n for k, n in enumerate(shape))
    return net.add("interleave", sources, shape, axis=axis)


def _upsample1d(draw, net, source):
    shape, factor = net.shapes[source], draw(st.integers(1, 4))
    axis = draw(st.sampled_from(["height", "width"])) if len(shape) == 3 else "tokens"
    place = {"tokens": 0, "height": 1, "width": 2}[axis]
    shape = tuple(n * factor if k == place else n for k, n in enumerate(shape))
    if prod(shape) > MAX_ELEMENTS:
        return None
    return net.add("upsample1d", [source], shape, factor=factor, axis=axis)


def _pool(op):
    def draw_pool(draw, net, source):
        channels, height, width = net.shapes[source]
        kernel = [draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width)))]
        stride = [draw(st.integers(1, 3)), draw(st.integers(1, 3))]
        size = [(n - k) // s + 1 for n, k, s in zip((height, width), kernel, stride, strict=True)]
        return net.add(op, [source], (channels, *size), kernel=kernel, stride=stride)

    return draw_pool


def _pool1d(op):
    def draw_pool(draw, net, source):
        tokens, features = net.shapes[source]
        kernel, stride = draw(st.integers(1, min(3, tokens))), draw(st.integers(1, 3))
        shape = ((tokens - kernel) // stride + 1, features)
        return net.add(op, [source], shape, kernel=kernel, stride=stride)

    return draw_pool


def _whole(op):
    def draw_pool(draw, net, source):
        shape = net.shapes[source]
        return net.add(op, [source], (shape[channel_axis(shape)],))

    return draw_pool


_WHOLE = {op: _whole(op) for op in ("global_avg_pool", "global_max_pool")}
IMAGE_WINDOWS = {
    **_WHOLE,
    "upsample1d": _upsample1d,
    "conv2d": _conv2d,
    "conv_phase2d": _conv_phase2d,
    "interleave": _interleave,
    "max_pool2d": _pool("max_pool2d"),
    "avg_pool2d": _pool("avg_pool2d"),
}
SEQUENCE_WINDOWS = {
    **_WHOLE,
    "conv1d": _conv1d,
    "conv_transpose1d": _conv_transpose1d,
    "upsample1d": _upsample1d,
    "max_pool1d": _pool1d("max_pool1d"),
    "avg_pool1d": _pool1d("avg_pool1d"),
}
