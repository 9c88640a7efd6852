"""Between a tensor's shape and stream order: (height, width, channels), channel fastest."""

from __future__ import annotations

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Shape

__all__ = ["from_stream", "to_stream"]


def to_stream(codes: Int) -> Int:
    """Return (n, channels, height, width) or (n, features) as (n, elements) in stream order."""
    if codes.ndim == 4:
        codes = codes.transpose(0, 2, 3, 1)
    return codes.reshape(len(codes), -1)


def from_stream(stream: Int, shape: Shape) -> Int:
    """Return (n, elements) in stream order as (n, *shape); the inverse of :func:`to_stream`."""
    if len(shape) == 1:
        return stream.reshape(len(stream), *shape)
    channels, height, width = shape
    return stream.reshape(len(stream), height, width, channels).transpose(0, 3, 1, 2)
