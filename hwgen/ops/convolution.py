"""What convolutions share: groups, exact sums over windows, integer form, work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.ops.base import Lowered, Op, ParamError, Real, Shape
from hwgen.ops.history import RowWindow
from hwgen.ops.mac import accumulator_range
from hwgen.ops.types import QType
from hwgen.ops.window import NO_PADS, Window

__all__ = [
    "Convolution",
    "check_groups",
    "mirrored",
    "rows_in_stream",
    "window_attrs",
    "window_of",
    "window_sums",
    "without_ends",
]

Product = Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]]


class Convolution(Op):
    """What the ops have in common that multiply windows by weights."""

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of every partial sum with its bias."""
        return accumulator_range(lowered, types[0])

    @staticmethod
    def finished(params: Any, sums: Real, weights: Mapping[str, Real], channel_axis: int) -> Real:
        """Return real sums with their bias, if there is one, and after the activation."""
        if params.bias:
            shape = [1] * sums.ndim
            shape[channel_axis] = -1
            sums = sums + weights["bias"].reshape(shape)
        return np.maximum(sums, 0.0) if params.activation == "relu" else sums


def check_groups(groups: int, inputs: int, outputs: int) -> None:
    """Refuse groups that do not divide the input and the output channels.

    Raises
    ------
    ParamError
        With the divisors up to 64.
    """
    for key, count in (("input", inputs), ("output", outputs)):
        if count % groups:
            legal = [n for n in range(1, min(count, 64) + 1) if not count % n]
            raise ParamError(
                f"groups {groups} does not divide the {count} {key} channels",
                key="groups",
                hint=f"a divisor of {count}: {', '.join(map(str, legal))}",
            )


def window_of(lowered: Lowered) -> Window:
    """Return the window that a lowered convolution has in its attributes."""
    attrs = lowered.attrs
    kernel, stride, dilation = attrs["kernel"], attrs["stride"], attrs["dilation"]
    return Window(kernel, stride, dilation, attrs["padding"], attrs.get("padding_mode", "zero"))


def window_attrs(window: Window) -> dict[str, Any]:
    """Return the attributes of a lowered convolution that :func:`window_of` reads."""
    return {
        "kernel": window.kernel,
        "stride": window.stride,
        "dilation": window.dilation,
        "padding": window.pads,
        "padding_mode": window.mode,
    }


def mirrored(window: Window, column: int) -> int:
    """Return ``Work.mirror`` of a convolution whose columns have so many elements."""
    return column if window.mode == "reflect" and window.pads != NO_PADS else 0


def rows_in_stream(window: Window) -> RowWindow:
    """Return the window along the rows.

    Raises
    ------
    ParamError
        If its first rows reflect later ones: in a stream they would come before those.
    """
    if window.mode == "reflect" and any(window.pads[0]):
        raise ParamError(
            "padding_mode reflect in front reads rows that have not come yet",
            key="padding_mode",
            hint="padding_mode: zero, or no padding before and behind the rows",
        )
    return window.rows


def without_ends(streamed: Lowered) -> Lowered:
    """Return a streamed convolution, which has a history instead of padding before and behind."""
    pads = (0, 0), streamed.attrs["padding"][1]
    return replace(streamed, attrs={**streamed.attrs, "padding": pads})


def window_sums(
    data: npt.NDArray[Any],
    weight: npt.NDArray[Any],
    window: Window,
    groups: int,
    fill: float = 0,
    product: Product = np.matmul,
) -> npt.NDArray[Any]:
    """Return the sums of products over every window, without bias.

    Parameters
    ----------
    data
        (n, channels, height, width), padded with ``fill``.
    weight
        (output channels, channels / groups, kernel height, kernel width).
    product
        Matrix product of two stacks.

    Returns
    -------
    numpy.ndarray
        (n, output channels, out height, out width).
    """
    windows = window.patches(data, fill)
    count, channels, height, width = windows.shape[:4]
    grouped = windows.reshape(count, groups, channels // groups, height, width, *window.kernel)
    rows = grouped.transpose(1, 0, 3, 4, 2, 5, 6).reshape(groups, count * height * width, -1)
    outputs = weight.shape[0] // groups
    sums = product(rows, weight.reshape(groups, outputs, -1).transpose(0, 2, 1))
    shaped = sums.reshape(groups, count, height, width, outputs)
    return shaped.transpose(1, 0, 4, 2, 3).reshape(count, groups * outputs, height, width)
