"""One-dimensional transposed convolution over tokens, phase by phase.

See :mod:`hwgen.ops.transposed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, OpParams, Real, Shape
from hwgen.ops.convolution import Convolution, check_groups
from hwgen.ops.history import RowWindow, visible_rows, with_history
from hwgen.ops.mac import exact_matmul, lower_mac, requantised
from hwgen.ops.params import Activation, Count, expect_sequence
from hwgen.ops.transposed import Phases, folded, out_length, phases_of, uncut, unfolded
from hwgen.ops.types import QType
from hwgen.ops.window import Side, Sides
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "ConvTranspose1d", "ConvTranspose1dParams"]


class ConvTranspose1dParams(OpParams):
    """Spec keys of conv_transpose1d."""

    channels: Count = Field(description="output features of a token")
    kernel: Count = Field(description="tokens of the result that a token adds to")
    stride: Count = Field(1, description="tokens of the result per token")
    padding: Side | Sides = Field(
        0, description="tokens cut off both ends of the full result: one number or [before, after]"
    )
    output_padding: Side = Field(
        0,
        description="tokens more at the end, less than the stride; the result has a whole number "
        "of strides",
    )
    groups: Count = Field(1, description="groups; divides the input and the output features")
    bias: bool = Field(True, description="whether <layer>.bias is added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


class ConvTranspose1d(Convolution):
    """``y[n, o] = act(sum x[i, c] * weight[c, o, j] + bias[o])``, ``i * stride + j = n + before``.

    The weights of each phase have scales of their own.
    """

    name: ClassVar[str] = "conv_transpose1d"
    summary: ClassVar[str] = (
        "transposed 1-D convolution over tokens: stride, padding, groups, bias, ReLU"
    )
    Params: ClassVar[type[OpParams]] = ConvTranspose1dParams
    example: ClassVar[str] = (
        "{name: y, op: conv_transpose1d, in: x, channels: 8, kernel: 4, stride: 2, padding: 1}"
    )

    def shape(self, params: ConvTranspose1dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (out tokens, channels): (tokens - 1) * stride + kernel, less the padding."""
        tokens, features = expect_sequence(self.name, inputs[0])
        check_groups(params.groups, features, params.channels)
        sides, extra = _sides(params), params.output_padding
        out = out_length("tokens", tokens, params.kernel, params.stride, sides, extra)
        return out, params.channels

    def weights(self, params: ConvTranspose1dParams, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` (features, channels / groups, kernel) and ``bias``."""
        per_group = params.channels // params.groups
        shapes: dict[str, Shape] = {"weight": (inputs[0][1], per_group, params.kernel)}
        if params.bias:
            shapes["bias"] = (params.channels,)
        return shapes

    def real(
        self, params: ConvTranspose1dParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the transposed convolution in float64: what each token adds to the result."""
        data, weight = inputs[0], weights["weight"]
        count, tokens, _ = data.shape
        before, after = _sides(params)
        full = (tokens - 1) * params.stride + params.kernel
        result: Real = np.zeros((count, full + params.output_padding, params.channels))
        parts = zip(
            np.split(data, params.groups, axis=2), np.split(weight, params.groups), strict=True
        )
        outputs = params.channels // params.groups
        for group, (part, own) in enumerate(parts):
            features = slice(group * outputs, (group + 1) * outputs)
            for j in range(params.kernel):
                end = j + (tokens - 1) * params.stride + 1
                result[:, j : end : params.stride, features] += part @ own[:, :, j]
        result = result[:, before : full + params.output_padding - after]
        return self.finished(params, result, weights, channel_axis=-1)

    def lower(
        self,
        params: ConvTranspose1dParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return codes per phase and output feature, and the phases as attributes."""
        phases = _phases(params)
        parts = np.split(weights["weight"], params.groups)
        turned = np.concatenate([folded(part, phases) for part in parts], axis=1)
        flat = {"weight": turned.reshape(-1, *turned.shape[2:])}
        if params.bias:
            flat["bias"] = np.tile(weights["bias"], params.stride)
        return lower_mac(
            flat,
            types[0],
            out,
            relu=params.activation == "relu",
            options=options,
            attrs={
                "stride": params.stride,
                "halves": phases.halves,
                "groups": params.groups,
                "first": phases.first,
                "before": _sides(params)[0],
                "more": self.shape(params, shapes)[0] - shapes[0][0] * params.stride,
            },
        )

    def rounded_weight(self, params: ConvTranspose1dParams, lowered: Lowered) -> Real:
        """Return what the codes mean as (features, channels / groups, kernel)."""
        turned = super().rounded_weight(params, lowered)
        turned = turned.reshape(params.stride, params.channels, *turned.shape[1:])
        parts = np.split(turned, params.groups, axis=1)
        phases = _phases(params)
        return np.concatenate([unfolded(part, phases, params.kernel) for part in parts])

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the exact sums of codes, requantised; padding reads as the zero point."""
        attrs, weight = lowered.attrs, lowered.constants["weight"]
        stride, history = attrs["stride"], attrs.get("history", 0)
        positions, taps = inputs[0].shape[1] + attrs["more"] // stride, weight.shape[2]
        data = with_history(inputs[0], attrs)
        tokens = data.shape[1]
        sums = []
        for half, part in enumerate(np.split(weight, attrs["halves"])):
            at = np.add.outer(np.arange(positions), np.arange(taps))
            at += history + attrs["first"] + half
            inside = (at >= 0) & (at < tokens)
            read = np.where(inside[..., None], data[:, at.clip(0, tokens - 1)], attrs["pad"])
            sums.append(_products(read, part, stride // attrs["halves"], attrs["groups"]))
        acc: Int = np.concatenate(sums, axis=-1) + lowered.constants["bias"]
        codes = requantised(lowered, acc, channel_axis=-1)
        return codes.reshape(len(codes), positions * stride, -1)

    def row_window(self, params: ConvTranspose1dParams, inputs: Sequence[Shape]) -> RowWindow:
        """Return the tokens that add to those of the full result which none comes after."""
        reach = -(-params.kernel // params.stride)
        return RowWindow(reach, 1, reach - 1, params.stride, _sides(params)[0])

    def streamed(self, lowered: Lowered, history: int, warmup: int, zero: int) -> Lowered:
        """Return it without cutting the front of the full result off."""
        return uncut(super().streamed(lowered, history, warmup, zero))

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``mac`` work: the phases of a position are results like channels.

        With groups they are columns with weights of their own, as each result reads its group only.
        """
        tokens, features = inputs[0]
        attrs, weight = lowered.attrs, lowered.constants["weight"]
        halves = attrs["halves"]
        visible, history, _ = visible_rows(tokens, attrs)
        stride, groups = attrs["stride"], attrs["groups"]
        work = Work(
            kind="mac",
            ports=(Port(visible, features, history, attrs.get("warmup", 0)),),
            row=Loop(tokens + attrs["more"] // stride, dy=1),
            column=Loop(1),
            channel=Loop(halves, dy=halves - 1),
            outputs=weight.shape[0] // halves,
            reduce=(Loop(weight.shape[2], dy=1),),
            elements=features,
            origin=(history + attrs["first"], 0),
            pad=attrs["pad"],
        )
        if groups == 1:
            return work
        return replace(
            work,
            column=Loop(stride),
            channel=Loop(groups, dx=features // groups),
            outputs=weight.shape[0] // (stride * groups),
            elements=features // groups,
            own_columns=stride > 1,
        )

    def stream_weights(self, lowered: Lowered, inputs: Sequence[Shape]) -> Int:
        """Return (phases and channels, taps, features)."""
        return lowered.constants["weight"].transpose(0, 2, 1)


def _products(read: Int, weight: Int, phases: int, groups: int) -> Int:
    """Return the sums of products of tokens (n, positions, taps, features), phase by phase.

    ``weight`` is (phases and channels, features of a group, taps).
    """
    count, positions, taps, features = read.shape
    per_group = features // groups
    parts = read.reshape(count, positions, taps, groups, per_group)
    codes = weight.reshape(phases, groups, -1, per_group, taps)
    sums = []
    for group in range(groups):
        rows = parts[..., group, :].reshape(count, positions, -1)
        columns = codes[:, group].transpose(3, 2, 0, 1).reshape(taps * per_group, -1)
        sums.append(exact_matmul(rows, columns).reshape(count, positions, phases, -1))
    result: Int = np.stack(sums, axis=3).reshape(count, positions, -1)
    return result


def _phases(params: ConvTranspose1dParams) -> Phases:
    before = _sides(params)[0]
    return phases_of(params.kernel, params.stride, before, halves=params.groups == 1)


def _sides(params: ConvTranspose1dParams) -> tuple[int, int]:
    """Return the tokens that are cut off before and after."""
    padding = params.padding
    return (padding, padding) if isinstance(padding, int) else (padding[0], padding[1])


OP = ConvTranspose1d()
