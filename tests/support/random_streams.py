"""Random networks for streams, and what they compute offline, by plain loops over taps."""

from fractions import Fraction
from math import lcm

import numpy as np

from support.walk import finish, requantise

__all__ = ["chunked", "offline", "random_stream"]


def random_stream(rng, *, sequence, length=96):
    """Return (layers, shape without rows, least chunk) of a network that joins paths.

    Parameters
    ----------
    length
        About as many rows as the input has.
    """
    layers, strides, width = [], {"x": Fraction(1)}, {"x": 2}

    def add(op, reads, step=1, **keys):
        name = f"l{len(layers)}"
        layers.append({"name": name, "op": op, "in": list(reads), **keys})
        strides[name] = strides[reads[0]] * step
        joined = sum(width[read] for read in reads) if op == "concat" else width[reads[0]]
        width[name] = keys.get("channels", joined)
        return name

    def convolution(read, step):
        taps, dilation = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        extent = (taps - 1) * dilation + 1
        ends = [int(rng.integers(0, extent)), int(rng.integers(0, extent))]
        keys = {"channels": 4, "activation": str(rng.choice(["none", "relu"]))}
        if sequence:
            keys |= {"kernel": taps, "stride": step, "dilation": dilation, "padding": ends}
            return add("conv1d", [read], step, groups=int(rng.choice([1, 2])), **keys)
        keys |= {"kernel": [taps, 3], "stride": [step, 1], "dilation": [dilation, 1]}
        return add("conv2d", [read], step, padding=[ends, [1, 1]], **keys)

    def same_rows(read):
        """A convolution that keeps the number of rows, so that its result can be added."""
        taps, dilation = int(rng.integers(1, 5)), int(rng.integers(1, 3))
        reach = (taps - 1) * dilation
        left = int(rng.integers(0, reach + 1))
        keys = {"channels": width[read]}
        if sequence:
            keys |= {"kernel": taps, "dilation": dilation, "padding": [left, reach - left]}
            return add("conv1d", [read], **keys)
        keys |= {"kernel": [taps, 1], "dilation": [dilation, 1]}
        return add("conv2d", [read], padding=[[left, reach - left], [0, 0]], **keys)

    def more_rows(read):
        factor = int(rng.integers(2, 4))
        if not sequence and rng.integers(3):
            return transposed_image(read, factor)
        if not sequence or rng.integers(4) == 0:
            axis = "tokens" if sequence else "height"
            return add("upsample1d", [read], Fraction(1, factor), factor=factor, axis=axis)
        taps = int(rng.integers(factor, 3 * factor))
        before = int(rng.integers(taps))
        keys = {"channels": 2, "kernel": taps, "padding": [before, (taps - before) % factor]}
        keys["groups"] = int(rng.choice([1, 2]))
        return add("conv_transpose1d", [read], Fraction(1, factor), stride=factor, **keys)

    def transposed_image(read, factor):
        """The layers of a conv_transpose2d: a phase for each row modulo the stride, in turn."""
        groups, taps = int(rng.choice([1, 2])), int(rng.integers(factor, 3 * factor))
        before = int(rng.integers(taps))
        parts = []
        for k in range(factor):
            first, lead = (k + before) % factor, (k + before) // factor
            keys = {"kernel": [len(range(first, taps, factor)), 3], "lead": lead, "groups": groups}
            size = {"rows": int(length / strides[read]), "columns": 3, "left": 1}
            parts.append(add("conv_phase2d", [read], channels=2, **keys, **size))
        return add("interleave", parts, Fraction(1, factor))

    here = convolution("x", int(rng.integers(1, 3)))
    for _ in range(int(rng.integers(1, 4))):
        match rng.integers(4):
            case 0:
                here = convolution(here, int(rng.integers(1, 3)))
            case 1 if not sequence:
                kernel, step = int(rng.integers(1, 4)), int(rng.integers(1, 3))
                op = str(rng.choice(["max_pool2d", "avg_pool2d"]))
                here = add(op, [here], step, kernel=[kernel, 1], stride=[step, 1])
            case 2:
                here = more_rows(here)
            case _:
                paths = [here, same_rows(here)]
                if rng.integers(2):
                    paths.append(same_rows(paths[-1]))
                here = add("add", paths) if rng.integers(2) else add("concat", paths)
    chunk = lcm(*(stride.numerator for stride in strides.values()))
    return layers, (2,) if sequence else (2, 3), chunk


def offline(qgraph, codes, names=None):
    """Return the codes of every tensor of one sample, by name: rows first, channels last.

    Parameters
    ----------
    codes
        By input, of any number of rows.
    names
        Nodes to run; all of them by default.
    """
    tensors = {item.name: _rows(codes[item.name], len(item.shape)) for item in qgraph.inputs}
    for node in qgraph.nodes:
        if names is not None and node.name not in names:
            continue
        sources = [tensors[name] for name in node.inputs]
        tensors[node.name] = _NODES[node.op](node, sources)
    return tensors


def _rows(array, ndim):
    return array.transpose(1, 2, 0) if ndim == 3 else array[:, None, :]


def _taps(node, source, fill):
    """Yield each tap of the window with the elements that it meets, (rows, columns, channels)."""
    attrs = node.lowered.attrs
    kernel, stride = attrs["kernel"], attrs["stride"]
    dilation = attrs.get("dilation", (1, 1))
    pads = attrs.get("padding", ((0, 0), (0, 0)))
    padded = np.pad(source, (*pads, (0, 0)), constant_values=fill)
    counts = [
        (size - (k - 1) * apart - 1) // step + 1
        for size, k, apart, step in zip(padded.shape, kernel, dilation, stride, strict=False)
    ]
    for down in range(kernel[0]):
        for across in range(kernel[1]):
            rows = down * dilation[0] + stride[0] * np.arange(counts[0])
            columns = across * dilation[1] + stride[1] * np.arange(counts[1])
            yield (down, across), padded[np.ix_(rows, columns)]


def _convolution(node, sources):
    lowered = node.lowered
    weight, groups = lowered.constants["weight"], lowered.attrs["groups"]
    weight = weight if weight.ndim == 4 else weight[..., None]
    zero = lowered.attrs["pad"]
    per_group, outputs = weight.shape[1], weight.shape[0] // groups
    acc = 0
    for (down, across), part in _taps(node, sources[0], zero):
        products = [
            part[..., g * per_group : (g + 1) * per_group]
            @ weight[g * outputs : (g + 1) * outputs, :, down, across].T
            for g in range(groups)
        ]
        acc = acc + np.concatenate(products, axis=-1)
    acc = acc + lowered.constants["bias"]
    return _each(acc, lambda value, place: requantise(value, lowered.requant, place))


def _transposed(node, sources):
    lowered = node.lowered
    attrs, weight, source = lowered.attrs, lowered.constants["weight"], sources[0][:, 0]
    stride, taps = attrs["stride"], weight.shape[2]
    channels = len(weight) // stride
    result = []
    for row in range(len(source) * stride + attrs["more"]):
        place, phase = divmod(row, stride)
        first = place + attrs["first"] + phase * attrs["halves"] // stride
        reads = [
            source[i] if 0 <= i < len(source) else np.full(source.shape[1], attrs["pad"])
            for i in range(first, first + taps)
        ]
        outputs = range(phase * channels, (phase + 1) * channels)
        bias, parts = lowered.constants["bias"], np.split(np.array(reads).T, attrs["groups"])
        sums = [
            np.sum(parts[(o - outputs.start) * len(parts) // channels] * weight[o]) + bias[o]
            for o in outputs
        ]
        result.append(
            [requantise(int(s), lowered.requant, o) for s, o in zip(sums, outputs, strict=True)]
        )
    return np.array(result)[:, None]


def _row_phase(node, sources):
    """A row of it has the columns of a convolution whose kernel is turned back."""
    lowered, (source,) = node.lowered, sources
    attrs, weight = lowered.attrs, lowered.constants["weight"]
    assert attrs["stride"] == 1
    (top, left), (taken, taps) = attrs["first"], weight.shape[2:]
    height, width, channels = source.shape
    rows, groups = height + attrs["more"], attrs["groups"]
    result = np.tile(lowered.constants["bias"], (rows, attrs["columns"], 1))
    for row, column, m, j in np.ndindex(rows, attrs["columns"], taken, taps):
        y, x = row + top + m, column + left + j
        inside = 0 <= y < height and 0 <= x < width
        read = source[y, x] if inside else np.full(channels, attrs["pad"])
        for o, own in enumerate(np.repeat(read.reshape(groups, -1), len(weight) // groups, axis=0)):
            result[row, column, o] += own @ weight[o, :, m, j]
    return _each(result, lambda value, place: requantise(value, lowered.requant, place))


def _in_turn(node, sources):
    """Rows in turn, each input with its own factor."""
    count, requant = len(sources), node.lowered.requant
    result = []
    for row in range(count * len(sources[0])):
        place, k = divmod(row, count)
        one = sources[k][place]
        result.append(_each(one, lambda value, _, k=k: requantise(value, requant, k)))
    return np.array(result)


def _each(values, rule):
    flat = values.reshape(-1, values.shape[-1])
    rows = [[rule(int(value), place) for place, value in enumerate(row)] for row in flat]
    return np.array(rows).reshape(values.shape)


def _pool(fold):
    def pooled(node, sources):
        values = fold([part for _, part in _taps(node, sources[0], 0)])
        if node.lowered.requant is None:
            return values
        return _each(values, lambda value, place: requantise(value, node.lowered.requant))

    return pooled


def _add(node, sources):
    requant = node.lowered.requant
    total = sum(
        source * int(factor) for source, factor in zip(sources, requant.multiplier, strict=True)
    )
    return _each(total + int(requant.offset[0]), lambda value, place: finish(value, requant))


def _concat(node, sources):
    parts = [
        _each(source, lambda value, place, k=k: requantise(value, node.lowered.requant, k))
        for k, source in enumerate(sources)
    ]
    return np.concatenate(parts, axis=-1)


_NODES = {
    "conv1d": _convolution,
    "conv2d": _convolution,
    "conv_transpose1d": _transposed,
    "conv_phase2d": _row_phase,
    "interleave": _in_turn,
    "upsample1d": lambda node, sources: sources[0].repeat(node.lowered.attrs["factor"], axis=0),
    "max_pool2d": _pool(lambda parts: np.max(parts, axis=0)),
    "avg_pool2d": _pool(lambda parts: np.sum(parts, axis=0)),
    "add": _add,
    "concat": _concat,
}


def chunked(codes, chunk):
    """Return one sample as successive chunks of rows."""
    if codes.ndim == 2:
        return codes.reshape(-1, chunk, codes.shape[1])
    channels, rows, width = codes.shape
    return codes.reshape(channels, rows // chunk, chunk, width).transpose(1, 0, 2, 3)
