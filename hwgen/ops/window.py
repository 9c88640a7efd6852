"""Sliding windows of convolution and pooling: sizes, padding, patches."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hwgen.ops.base import ParamError
from hwgen.ops.params import MAX_SIZE, Pads, Pair

__all__ = ["Padding", "output_size", "pads_of", "patches"]

Side = Annotated[int, Field(ge=0, le=MAX_SIZE)]
Sides = Annotated[list[Side], Field(min_length=2, max_length=2)]
Padding = (
    Literal["same", "valid"] | Side | Annotated[list[Sides], Field(min_length=2, max_length=2)]
)


def pads_of(padding: Padding, size: Pair, kernel: Pair, stride: Pair) -> Pads:
    """Return the elements to add on each side of an input of ``size`` (height, width).

    ``same`` gives ceil(size / stride) outputs; an odd amount has its larger half at the end.

    Raises
    ------
    ParamError
        If a side would have as much padding as the kernel is large (a window of padding only).
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        totals = [
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, k, s in zip(size, kernel, stride, strict=True)
        ]
        return (
            (totals[0] // 2, totals[0] - totals[0] // 2),
            (totals[1] // 2, totals[1] - totals[1] // 2),
        )
    if isinstance(padding, int):
        sides = ((padding, padding), (padding, padding))
    else:
        sides = ((padding[0][0], padding[0][1]), (padding[1][0], padding[1][1]))
    for axis, side, k in zip(("height", "width"), sides, kernel, strict=True):
        if max(side) >= k:
            raise ParamError(
                f"padding {max(side)} along the {axis} is not smaller than the kernel's {k}",
                key="padding",
                hint=f"0 to {k - 1}, same or valid",
            )
    return sides


def output_size(size: Pair, kernel: Pair, stride: Pair, pads: Pads) -> Pair:
    """Return (height, width) of the positions that fit; the remainder at the end is not read.

    Raises
    ------
    ParamError
        If the kernel is larger than the padded input.
    """
    out = []
    for axis, n, k, s, pad in zip(("height", "width"), size, kernel, stride, pads, strict=True):
        room = n + sum(pad)
        if k > room:
            raise ParamError(
                f"a kernel of {axis} {k} does not fit an input of {axis} {n}"
                + (f" with padding {pad[0]}+{pad[1]}" if sum(pad) else ""),
                key="kernel",
                hint=f"at most {room}",
            )
        out.append((room - k) // s + 1)
    return out[0], out[1]


def patches(
    data: npt.NDArray[Any], kernel: Pair, stride: Pair, pads: Pads, fill: float
) -> npt.NDArray[Any]:
    """Return every window of (n, channels, height, width), padded with ``fill``.

    The result has shape (n, channels, out height, out width, kernel height, kernel width).
    """
    padded = np.pad(data, ((0, 0), (0, 0), *pads), constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(2, 3))
    return windows[:, :, :: stride[0], :: stride[1]]
