"""Two-dimensional convolution (cross-correlation) with stride, padding and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.mac import accumulator_range, exact_matmul, lower_mac
from hwgen.ops.params import Activation, Count, Pads, Pair, Size2d, expect_image, pair
from hwgen.ops.types import QType
from hwgen.ops.window import Padding, output_size, pads_of, patches
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Conv2d", "Conv2dParams"]


class Conv2dParams(OpParams):
    """Spec keys of conv2d."""

    channels: Count = Field(description="output channels")
    kernel: Size2d = Field(description="kernel size: one number or [height, width]")
    stride: Size2d = Field(1, description="step of the window: one number or [height, width]")
    padding: Padding = Field(
        "valid",
        description="same, valid, one number, or [[top, bottom], [left, right]]; "
        "same gives ceil(size / stride) outputs",
    )
    groups: Count = Field(1, description="groups; divides the input and the output channels")
    bias: bool = Field(True, description="whether <layer>.bias is added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


class Conv2d(Op):
    """``y[o] = act(sum x[c, h, w] * weight[o, c, h, w] + bias[o])`` over each window."""

    name: ClassVar[str] = "conv2d"
    summary: ClassVar[str] = "2-D convolution: stride, padding, groups, optional bias and ReLU"
    Params: ClassVar[type[OpParams]] = Conv2dParams
    example: ClassVar[str] = (
        "{name: y, op: conv2d, in: x, channels: 8, kernel: 3, padding: same, activation: relu}"
    )

    def shape(self, params: Conv2dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, out height, out width)."""
        channels, height, width = expect_image(self.name, inputs[0])
        for key, count in (("input", channels), ("output", params.channels)):
            if count % params.groups:
                legal = [n for n in range(1, min(count, 64) + 1) if not count % n]
                raise ParamError(
                    f"groups {params.groups} does not divide the {count} {key} channels",
                    key="groups",
                    hint=f"a divisor of {count}: {', '.join(map(str, legal))}",
                )
        kernel, stride, pads = _window(params, (height, width))
        return params.channels, *output_size((height, width), kernel, stride, pads)

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
        data = inputs[0]
        kernel, stride, pads = _window(params, (data.shape[2], data.shape[3]))
        rows, position = _rows(data, kernel, stride, pads, 0.0, params.groups)
        sums = rows @ _columns(weights["weight"], params.groups)
        result: Real = _image(sums, position)
        if params.bias:
            result = result + weights["bias"][:, None, None]
        return np.maximum(result, 0.0) if params.activation == "relu" else result

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
        kernel, stride, pads = _window(params, (shapes[0][1], shapes[0][2]))
        return lower_mac(
            weights,
            types[0],
            out,
            relu=params.activation == "relu",
            options=options,
            attrs={
                "kernel": kernel,
                "stride": stride,
                "padding": pads,
                "groups": params.groups,
            },
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the exact sums of codes, requantised; padding reads as the zero point."""
        attrs, requant = lowered.attrs, lowered.requant
        assert requant is not None
        rows, position = _rows(
            inputs[0],
            attrs["kernel"],
            attrs["stride"],
            attrs["padding"],
            attrs["pad"],
            attrs["groups"],
        )
        sums = exact_matmul(rows, _columns(lowered.constants["weight"], attrs["groups"]))
        acc: Int = _image(sums, position) + lowered.constants["bias"][:, None, None]
        return requant.apply(acc, channel_axis=1)

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of every partial sum with its bias."""
        return accumulator_range(lowered, types[0])

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``mac`` work; without groups a kernel row is one contiguous segment."""
        channels, height, width = inputs[0]
        attrs = lowered.attrs
        kernel, stride, pads, groups = (
            attrs["kernel"],
            attrs["stride"],
            attrs["padding"],
            attrs["groups"],
        )
        out = output_size((height, width), kernel, stride, pads)
        rows = Loop(kernel[0], dy=1)
        return Work(
            kind="mac",
            ports=(Port(height, width * channels),),
            row=Loop(out[0], dy=stride[0]),
            column=Loop(out[1], dx=stride[1] * channels),
            channel=Loop(groups, dx=channels // groups if groups > 1 else 0),
            outputs=lowered.constants["weight"].shape[0] // groups,
            reduce=(rows, Loop(kernel[1], dx=channels)) if groups > 1 else (rows,),
            elements=channels // groups if groups > 1 else kernel[1] * channels,
            origin=(-pads[0][0], -pads[1][0] * channels),
            pad=attrs["pad"],
        )

    def stream_weights(self, lowered: Lowered, inputs: Sequence[Shape]) -> Int:
        """Return (channels, kernel rows (times columns with groups), contiguous elements)."""
        weight = lowered.constants["weight"].transpose(0, 2, 3, 1)
        channels, height, width, depth = weight.shape
        if lowered.attrs["groups"] > 1:
            return weight.reshape(channels, height * width, depth)
        return weight.reshape(channels, height, width * depth)


def _window(params: Conv2dParams, size: Pair) -> tuple[Pair, Pair, Pads]:
    kernel, stride = pair(params.kernel), pair(params.stride)
    return kernel, stride, pads_of(params.padding, size, kernel, stride)


def _rows(
    data: npt.NDArray[Any], kernel: Pair, stride: Pair, pads: Pads, fill: float, groups: int
) -> tuple[npt.NDArray[Any], tuple[int, int, int]]:
    """Return (groups, positions, window elements), and (n, out height, out width)."""
    windows = patches(data, kernel, stride, pads, fill)
    count, channels, height, width = windows.shape[:4]
    grouped = windows.reshape(count, groups, channels // groups, height, width, *kernel)
    rows = grouped.transpose(1, 0, 3, 4, 2, 5, 6).reshape(groups, count * height * width, -1)
    return rows, (count, height, width)


def _columns(weight: npt.NDArray[Any], groups: int) -> npt.NDArray[Any]:
    """Return (groups, window elements, output channels of a group)."""
    return weight.reshape(groups, weight.shape[0] // groups, -1).transpose(0, 2, 1)


def _image(sums: npt.NDArray[Any], position: tuple[int, int, int]) -> npt.NDArray[Any]:
    """Return (groups, positions, channels of a group) as (n, channels, height, width)."""
    groups, _, channels = sums.shape
    count, height, width = position
    shaped = sums.reshape(groups, count, height, width, channels)
    return shaped.transpose(1, 0, 4, 2, 3).reshape(count, groups * channels, height, width)


OP = Conv2d()
