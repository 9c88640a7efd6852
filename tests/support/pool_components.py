"""Random pooling, and the stand-alone components of ``rtl_templates`` for it."""

from rtl_templates.vector.avg_pool1d import AvgPool1d
from rtl_templates.vector.avg_pool2d import AvgPool2d
from rtl_templates.vector.global_avg_pool import GlobalAvgPool
from rtl_templates.vector.global_max_pool import GlobalMaxPool
from rtl_templates.vector.max_pool1d import MaxPool1d
from rtl_templates.vector.max_pool2d import MaxPool2d
from support.conv_components import scale_of

__all__ = ["BUILD_POOL", "DRAW_POOL"]


def _draw_images(rng):
    keys = {"kernel": [int(rng.integers(1, 4)) for _ in range(2)]}
    if rng.integers(2):
        keys["stride"] = [int(rng.integers(1, 4)) for _ in range(2)]
    return keys, [_image(rng)]


def _draw_sequences(rng):
    keys = {"kernel": int(rng.integers(1, 4))}
    if rng.integers(2):
        keys["stride"] = int(rng.integers(1, 4))
    return keys, [_sequence(rng)]


def _draw_whole(rng):
    return {}, [_image(rng) if rng.integers(2) else _sequence(rng)]


def _image(rng):
    return tuple(int(rng.integers(3, 6)) for _ in range(3))


def _sequence(rng):
    return int(rng.integers(3, 9)), int(rng.integers(1, 9))


def _size(node, attrs):
    shape, window = node.shapes[0], node.lowered.attrs
    if len(shape) == 3:
        size = dict(zip(("channels", "height", "width"), shape, strict=True))
        return size | {key: window[key] for key in attrs}
    return {"tokens": shape[0], "features": shape[1]} | {key: window[key][0] for key in attrs}


def _whole(node, _):
    shape = node.shapes[0]
    channels, height, width = shape if len(shape) == 3 else (shape[1], shape[0], 1)
    return {"channels": channels, "height": height, "width": width}


def _common(node):
    return {"x": node.x, "lanes": node.fold.lanes, "beat": node.beat}


def _builder(component, size, attrs):
    def build(node, sizes):
        keys = size(node, attrs) | _common(node) | sizes
        requant = node.lowered.requant
        if requant is not None:
            (multiplier,), (offset,) = requant.multiplier.tolist(), requant.offset.tolist()
            keys |= {"multiplier": multiplier, "offset": offset, "scale": scale_of(requant)}
            keys["out_bits"] = node.out.bits
        return component(**keys)

    return build


_WINDOW = ("kernel", "stride")
BUILD_POOL = {
    "avg_pool1d": _builder(AvgPool1d, _size, _WINDOW),
    "avg_pool2d": _builder(AvgPool2d, _size, _WINDOW),
    "global_avg_pool": _builder(GlobalAvgPool, _whole, ()),
    "global_max_pool": _builder(GlobalMaxPool, _whole, ()),
    "max_pool1d": _builder(MaxPool1d, _size, _WINDOW),
    "max_pool2d": _builder(MaxPool2d, _size, _WINDOW),
}
DRAW_POOL = {
    "avg_pool1d": _draw_sequences,
    "avg_pool2d": _draw_images,
    "global_avg_pool": _draw_whole,
    "global_max_pool": _draw_whole,
    "max_pool1d": _draw_sequences,
    "max_pool2d": _draw_images,
}
