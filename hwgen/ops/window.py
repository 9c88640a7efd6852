"""Sliding windows of convolution and pooling: sizes, dilation, padding, patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hwgen.ops.base import ParamError
from hwgen.ops.history import RowWindow
from hwgen.ops.params import MAX_SIZE, Pads, Pair

__all__ = [
    "NO_PADS",
    "Padding",
    "Padding1d",
    "PaddingMode",
    "Window",
    "image_of",
    "pads_of",
    "pads_of_sequence",
    "sequence_of",
]

Side = Annotated[int, Field(ge=0, le=MAX_SIZE)]
Sides = Annotated[list[Side], Field(min_length=2, max_length=2)]
Padding = (
    Literal["same", "valid"] | Side | Annotated[list[Sides], Field(min_length=2, max_length=2)]
)
Padding1d = Literal["same", "valid", "causal"] | Side | Sides
PaddingMode = Literal["zero", "reflect"]

NO_PADS: Pads = ((0, 0), (0, 0))

_IMAGE = ("height", "width")


@dataclass(frozen=True)
class Window:
    """A window that moves over two axes; of a sequence the second one has one element.

    Parameters
    ----------
    kernel, stride
        Elements that a window reads, and the distance between two windows.
    dilation
        Distance between two elements of a window.
    pads
        Elements of padding before and after each axis.
    mode
        What padding reads as: zero, or the elements as far inside of the edge (``reflect``),
        without the edge itself.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pads: Pads = NO_PADS
    mode: PaddingMode = "zero"

    @property
    def extent(self) -> Pair:
        """First to last element of a window, both included, on each axis."""
        (rows, columns), (down, across) = self.kernel, self.dilation
        return (rows - 1) * down + 1, (columns - 1) * across + 1

    @property
    def rows(self) -> RowWindow:
        """The window along the first axis."""
        return RowWindow(self.extent[0], self.stride[0], self.pads[0][0])

    def outputs(self, size: Pair, axes: Sequence[str] = _IMAGE) -> Pair:
        """Return the positions that fit; the remainder at the end is not read.

        Raises
        ------
        ParamError
            If the window is larger than the padded input, or reflects more of it than there is.
        """
        for k, axis in enumerate(axes):
            if self.mode == "reflect" and max(self.pads[k]) >= size[k]:
                raise ParamError(
                    f"padding {max(self.pads[k])} along the {axis} reflects more than the "
                    f"{size[k] - 1} elements beside the edge",
                    key="padding_mode",
                    hint=f"padding of at most {size[k] - 1}, or padding_mode: zero",
                )
            room = size[k] + sum(self.pads[k])
            if self.extent[k] > room:
                raise ParamError(
                    f"a kernel of {axis} {self.kernel[k]}"
                    + (f" with dilation {self.dilation[k]}" if self.dilation[k] > 1 else "")
                    + f" does not fit an input of {axis} {size[k]}"
                    + (f" with padding {self.pads[k][0]}+{self.pads[k][1]}" * (room > size[k])),
                    key="kernel",
                    hint=f"at most {(room - 1) // self.dilation[k] + 1}",
                )
        out = [
            (n + sum(pad) - length) // step + 1
            for n, pad, length, step in zip(size, self.pads, self.extent, self.stride, strict=True)
        ]
        return out[0], out[1]

    def patches(self, data: npt.NDArray[Any], fill: float = 0) -> npt.NDArray[Any]:
        """Return every window of (n, channels, height, width), padded with ``fill``.

        The result has shape (n, channels, out height, out width, kernel height, kernel width).
        """
        sides = ((0, 0), (0, 0), *self.pads)
        if self.mode == "reflect":
            padded = np.pad(data, sides, mode="reflect")
        else:
            padded = np.pad(data, sides, constant_values=fill)
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.extent, axis=(2, 3))
        (down, across), (rows, columns) = self.stride, self.dilation
        return windows[:, :, ::down, ::across, ::rows, ::columns]


def pads_of(
    padding: Padding, size: Pair, extent: Pair, stride: Pair, axes: Sequence[str] = _IMAGE
) -> Pads:
    """Return the elements to add on each side of an input of ``size``.

    ``same`` gives ceil(size / stride) outputs; an odd amount has its larger half at the end.

    Parameters
    ----------
    extent
        First to last element of a window on each axis.
    axes
        Names of the axes.

    Raises
    ------
    ParamError
        If a side would have as much padding as the window is large (a window of padding only).
    """
    if padding == "valid":
        return NO_PADS
    if padding == "same":
        totals = [
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, k, s in zip(size, extent, stride, strict=True)
        ]
        return (
            (totals[0] // 2, totals[0] - totals[0] // 2),
            (totals[1] // 2, totals[1] - totals[1] // 2),
        )
    if isinstance(padding, int):
        sides = ((padding, padding), (padding, padding))
    else:
        sides = ((padding[0][0], padding[0][1]), (padding[1][0], padding[1][1]))
    for axis, side, length in zip(axes, sides, extent, strict=True):
        if max(side) >= length:
            raise ParamError(
                f"padding {max(side)} along the {axis} is not smaller than the kernel's {length}",
                key="padding",
                hint=f"0 to {length - 1}, same or valid",
            )
    return sides


def pads_of_sequence(padding: Padding1d, length: int, window: Window) -> Pads:
    """Return the same for a window over ``length`` tokens; the second axis has no padding.

    ``causal`` has all of it before the first token: a window ends where it stands.
    """
    match padding:
        case "causal":
            padding = [window.extent[0] - 1, 0]
        case int():
            padding = [padding, padding]
    sides: Padding = padding if isinstance(padding, str) else [padding, [0, 0]]
    axes = ("length", "features")
    return pads_of(sides, (length, 1), window.extent, window.stride, axes)


def image_of(sequence: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (n, tokens, features) as an image of one column, (n, features, tokens, 1)."""
    return sequence.transpose(0, 2, 1)[..., None]


def sequence_of(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (n, features, tokens, 1) as (n, tokens, features)."""
    return image[..., 0].transpose(0, 2, 1)
