"""Between a tensor's shape and stream order.

An image travels as (height, width, channels), channel fastest; a sequence (tokens, features) and
a vector travel as they are.
"""

from __future__ import annotations

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Shape

__all__ = ["from_stream", "stream_index", "to_stream"]


def to_stream(codes: Int) -> Int:
    """Return codes (n, *shape) as (n, elements) in stream order."""
    if codes.ndim == 4:
        codes = codes.transpose(0, 2, 3, 1)
    return codes.reshape(len(codes), -1)


def from_stream(stream: Int, shape: Shape) -> Int:
    """Return (n, elements) in stream order as (n, *shape); the inverse of :func:`to_stream`."""
    if len(shape) != 3:
        return stream.reshape(len(stream), *shape)
    channels, height, width = shape
    return stream.reshape(len(stream), height, width, channels).transpose(0, 3, 1, 2)


def stream_index(element: int, shape: Shape) -> tuple[int, ...]:
    """Return the index in a tensor of ``shape`` of an element in stream order.

    Examples
    --------
    >>> stream_index(5, (2, 4, 4)), stream_index(5, (4, 3)), stream_index(5, (10,))
    ((1, 0, 2), (1, 2), (5,))
    """
    if len(shape) != 3:
        return tuple(map(int, np.unravel_index(element, shape)))
    channels, _, width = shape
    pixel, channel = divmod(element, channels)
    return channel, *divmod(pixel, width)
