"""Two-dimensional convolution (cross-correlation): stride, dilation, padding, groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, OpParams, Real, Shape
from hwgen.ops.convolution import (
    Convolution,
    check_groups,
    mirrored,
    rows_in_stream,
    window_attrs,
    window_of,
    window_sums,
    without_ends,
)
from hwgen.ops.history import RowWindow, visible_rows, with_history
from hwgen.ops.mac import exact_matmul, lower_mac, requantised
from hwgen.ops.params import Activation, Count, Pair, Size2d, expect_image, pair
from hwgen.ops.types import QType
from hwgen.ops.window import Padding, PaddingMode, Window, pads_of
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Conv2d", "Conv2dParams"]


class Conv2dParams(OpParams):
    """Spec keys of conv2d."""

    channels: Count = Field(description="output channels")
    kernel: Size2d = Field(description="kernel size: one number or [height, width]")
    stride: Size2d = Field(1, description="step of the window: one number or [height, width]")
    dilation: Size2d = Field(
        1, description="distance between the elements of a window: one number or [height, width]"
    )
    padding: Padding = Field(
        "valid",
        description="same, valid, one number, or [[top, bottom], [left, right]]; "
        "same gives ceil(size / stride) outputs",
    )
    padding_mode: PaddingMode = Field(
        "zero",
        description="what padding reads as: zero, or reflect (mirrored at the edges)",
    )
    groups: Count = Field(1, description="groups; divides the input and the output channels")
    bias: bool = Field(True, description="whether <layer>.bias is added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


class Conv2d(Convolution):
    """``y[o] = act(sum x[c, h, w] * weight[o, c, h, w] + bias[o])`` over each window."""

    name: ClassVar[str] = "conv2d"
    summary: ClassVar[str] = "2-D convolution: stride, dilation, padding, groups, bias and ReLU"
    Params: ClassVar[type[OpParams]] = Conv2dParams
    example: ClassVar[str] = (
        "{name: y, op: conv2d, in: x, channels: 8, kernel: 3, padding: same, activation: relu}"
    )

    def shape(self, params: Conv2dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, out height, out width)."""
        channels, height, width = expect_image(self.name, inputs[0])
        check_groups(params.groups, channels, params.channels)
        return params.channels, *_window(params, (height, width)).outputs((height, width))

    def weights(self, params: Conv2dParams, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` (channels, input channels / groups, kernel) and ``bias``."""
        per_group = inputs[0][0] // params.groups
        shapes: dict[str, Shape] = {
            "weight": (params.channels, per_group, *pair(params.kernel)),
        }
        if params.bias:
            shapes["bias"] = (params.channels,)
        return shapes

    def real(
        self, params: Conv2dParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the convolution in float64."""
        window = _window(params, (inputs[0].shape[2], inputs[0].shape[3]))
        sums = window_sums(inputs[0], weights["weight"], window, params.groups)
        return self.finished(params, sums, weights, channel_axis=1)

    def lower(
        self,
        params: Conv2dParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return codes per output channel and the window as attributes."""
        window = _window(params, (shapes[0][1], shapes[0][2]))
        return lower_mac(
            weights,
            types[0],
            out,
            relu=params.activation == "relu",
            options=options,
            attrs={**window_attrs(window), "groups": params.groups},
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the exact sums of codes, requantised; padding reads as the zero point."""
        attrs = lowered.attrs
        weight, window = lowered.constants["weight"], window_of(lowered)
        groups, pad = attrs["groups"], attrs["pad"]
        data = with_history(inputs[0], attrs)
        sums = window_sums(data, weight, window, groups, pad, exact_matmul)
        acc: Int = sums + lowered.constants["bias"][:, None, None]
        return requantised(lowered, acc, channel_axis=1)

    def row_window(self, params: Conv2dParams, inputs: Sequence[Shape]) -> RowWindow:
        """Return the window along the height."""
        return rows_in_stream(_window(params, (inputs[0][1], inputs[0][2])))

    def streamed(self, lowered: Lowered, history: int, warmup: int, zero: int) -> Lowered:
        """Return it without padding before and behind."""
        return without_ends(super().streamed(lowered, history, warmup, zero))

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``mac`` work; a kernel row without groups and dilation is one segment.

        Unless its columns are reflected, which turns their order.
        """
        channels, height, width = inputs[0]
        window, groups = window_of(lowered), lowered.attrs["groups"]
        (down, across), (top, _), (left, _) = window.stride, *window.pads
        visible, history, skipped = visible_rows(height, lowered.attrs)
        out = window.outputs((visible - skipped, width))
        rows = Loop(window.kernel[0], dy=window.dilation[0])
        columns = Loop(window.kernel[1], dx=window.dilation[1] * channels)
        whole = _contiguous(lowered)
        return Work(
            kind="mac",
            ports=(Port(visible, width * channels, history, lowered.attrs.get("warmup", 0)),),
            row=Loop(out[0], dy=down),
            column=Loop(out[1], dx=across * channels),
            channel=Loop(groups, dx=channels // groups if groups > 1 else 0),
            outputs=lowered.constants["weight"].shape[0] // groups,
            reduce=(rows,) if whole else (rows, columns),
            elements=window.kernel[1] * channels if whole else channels // groups,
            origin=(skipped - top, -left * channels),
            pad=lowered.attrs["pad"],
            mirror=mirrored(window, channels),
        )

    def stream_weights(self, lowered: Lowered, inputs: Sequence[Shape]) -> Int:
        """Return (channels, segments, contiguous elements): kernel rows, or rows and columns."""
        weight = lowered.constants["weight"].transpose(0, 2, 3, 1)
        channels, height, width, depth = weight.shape
        if _contiguous(lowered):
            return weight.reshape(channels, height, width * depth)
        return weight.reshape(channels, height * width, depth)


def _window(params: Conv2dParams, size: Pair) -> Window:
    window = Window(pair(params.kernel), pair(params.stride), pair(params.dilation))
    pads = pads_of(params.padding, size, window.extent, window.stride)
    return replace(window, pads=pads, mode=params.padding_mode)


def _contiguous(lowered: Lowered) -> bool:
    """Return whether the columns of a kernel row lie one after the other."""
    window = window_of(lowered)
    reflects = window.mode == "reflect" and any(window.pads[1])
    return lowered.attrs["groups"] == 1 and window.dilation[1] == 1 and not reflects


OP = Conv2d()
