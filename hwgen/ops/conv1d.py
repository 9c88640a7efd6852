"""One-dimensional convolution (cross-correlation) over the tokens of a sequence."""

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
from hwgen.ops.params import Activation, Count, expect_sequence
from hwgen.ops.types import QType
from hwgen.ops.window import Padding1d, PaddingMode, Window, image_of, pads_of_sequence, sequence_of
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Conv1d", "Conv1dParams"]

_AXES = ("length",)


class Conv1dParams(OpParams):
    """Spec keys of conv1d."""

    channels: Count = Field(description="output features of a token")
    kernel: Count = Field(description="tokens that a window reads")
    stride: Count = Field(1, description="tokens from one window to the next")
    dilation: Count = Field(1, description="distance between the tokens of a window")
    padding: Padding1d = Field(
        "valid",
        description="same, valid, causal (all of it before the first token), one number, or "
        "[before, after]; same gives ceil(tokens / stride) outputs",
    )
    padding_mode: PaddingMode = Field(
        "zero",
        description="what padding reads as: zero, or reflect (mirrored at the edges)",
    )
    groups: Count = Field(1, description="groups; divides the input and the output features")
    bias: bool = Field(True, description="whether <layer>.bias is added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


class Conv1d(Convolution):
    """``y[t, o] = act(sum x[t * stride + j * dilation - before, c] * weight[o, c, j] + bias[o])``.

    Tokens outside of the sequence are zero, or those as far inside of its end.
    """

    name: ClassVar[str] = "conv1d"
    summary: ClassVar[str] = (
        "1-D convolution over tokens: stride, dilation, causal padding, groups, bias, ReLU"
    )
    Params: ClassVar[type[OpParams]] = Conv1dParams
    example: ClassVar[str] = (
        "{name: y, op: conv1d, in: x, channels: 8, kernel: 3, padding: causal, activation: relu}"
    )

    def shape(self, params: Conv1dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (out tokens, channels)."""
        tokens, features = expect_sequence(self.name, inputs[0])
        check_groups(params.groups, features, params.channels)
        return _window(params, tokens).outputs((tokens, 1), _AXES)[0], params.channels

    def weights(self, params: Conv1dParams, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` (channels, features / groups, kernel) and ``bias``."""
        shapes: dict[str, Shape] = {
            "weight": (params.channels, inputs[0][1] // params.groups, params.kernel),
        }
        if params.bias:
            shapes["bias"] = (params.channels,)
        return shapes

    def real(
        self, params: Conv1dParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the convolution in float64."""
        window = _window(params, inputs[0].shape[1])
        sums = window_sums(image_of(inputs[0]), weights["weight"][..., None], window, params.groups)
        return self.finished(params, sequence_of(sums), weights, channel_axis=-1)

    def lower(
        self,
        params: Conv1dParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return codes per output feature and the window as attributes, one column wide."""
        window = _window(params, shapes[0][0])
        return lower_mac(
            weights,
            types[0],
            out,
            relu=params.activation == "relu",
            attrs={**window_attrs(window), "groups": params.groups},
            options=options,
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the exact sums of codes, requantised; padding reads as the zero point."""
        attrs = lowered.attrs
        weight = lowered.constants["weight"][..., None]
        window, groups, pad = window_of(lowered), attrs["groups"], attrs["pad"]
        data = image_of(with_history(inputs[0], attrs))
        sums = window_sums(data, weight, window, groups, pad, exact_matmul)
        acc: Int = sequence_of(sums) + lowered.constants["bias"]
        return requantised(lowered, acc, channel_axis=-1)

    def row_window(self, params: Conv1dParams, inputs: Sequence[Shape]) -> RowWindow:
        """Return the window along the tokens."""
        return rows_in_stream(_window(params, inputs[0][0]))

    def streamed(self, lowered: Lowered, history: int, warmup: int, zero: int) -> Lowered:
        """Return it without padding before and behind."""
        return without_ends(super().streamed(lowered, history, warmup, zero))

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``mac`` work: a row per token, a segment per tap."""
        tokens, features = inputs[0]
        window, groups = window_of(lowered), lowered.attrs["groups"]
        per_group = features // groups
        visible, history, skipped = visible_rows(tokens, lowered.attrs)
        return Work(
            kind="mac",
            ports=(Port(visible, features, history, lowered.attrs.get("warmup", 0)),),
            row=Loop(window.outputs((visible - skipped, 1), _AXES)[0], dy=window.stride[0]),
            column=Loop(1),
            channel=Loop(groups, dx=per_group if groups > 1 else 0),
            outputs=lowered.constants["weight"].shape[0] // groups,
            reduce=(Loop(window.kernel[0], dy=window.dilation[0]),),
            elements=per_group,
            origin=(skipped - window.pads[0][0], 0),
            pad=lowered.attrs["pad"],
            mirror=mirrored(window, features),
        )

    def stream_weights(self, lowered: Lowered, inputs: Sequence[Shape]) -> Int:
        """Return (channels, taps, features of a group)."""
        return lowered.constants["weight"].transpose(0, 2, 1)


def _window(params: Conv1dParams, tokens: int) -> Window:
    window = Window((params.kernel, 1), (params.stride, 1), (params.dilation, 1))
    pads = pads_of_sequence(params.padding, tokens, window)
    return replace(window, pads=pads, mode=params.padding_mode)


OP = Conv1d()
