"""One-dimensional transposed convolution over tokens, phase by phase.

Token ``n`` of the result is the sum over taps ``j`` and tokens ``i`` with ``i * stride + j =
n + before``.  Written for ``n = stride * q + b`` that is an ordinary convolution for each phase
``b``, whose taps are every ``stride``-th one of the kernel: the zeros of an up-sampled input are
never multiplied.  The results of a position ``q`` are its phases one after the other, which is the
order of the result's tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.mac import accumulator_range, exact_matmul, lower_mac, requantised
from hwgen.ops.params import Activation, Count, expect_sequence
from hwgen.ops.types import QType
from hwgen.ops.window import Side, Sides
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "ConvTranspose1d", "ConvTranspose1dParams", "Phases", "phases_of"]


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
    bias: bool = Field(True, description="whether <layer>.bias is added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


@dataclass(frozen=True)
class Phases:
    """Taps of each phase, counted from the token that the position stands at.

    Parameters
    ----------
    stride
        Phases of a position.
    halves
        1, or 2: the second half of the phases looks one token further than the first.
    first
        Token of tap 0 of the first half, relative to the position.
    taps
        Taps of each phase; those that its part of the kernel does not reach have zero weights.
    sources
        By phase: (tap, index in the kernel) of each that has a weight.
    """

    stride: int
    halves: int
    first: int
    taps: int
    sources: tuple[tuple[tuple[int, int], ...], ...]


def phases_of(kernel: int, stride: int, before: int) -> Phases:
    """Return the phases of a kernel, arranged so that the fewest taps are zero."""
    reads = []  # by phase: (token relative to the position, index in the kernel)
    for phase in range(stride):
        token, index = divmod(phase + before, stride)
        reads.append([(token - m, j) for m, j in enumerate(range(index, kernel, stride))])
    best = None
    for halves in (1, 2) if stride % 2 == 0 else (1,):
        late = [phase * halves // stride for phase in range(stride)]
        tokens = [t - late[b] for b, read in enumerate(reads) for t, _ in read]
        first, taps = min(tokens), max(tokens) - min(tokens) + 1
        sources = tuple(
            tuple((t - late[b] - first, j) for t, j in read) for b, read in enumerate(reads)
        )
        if best is None or taps < best.taps:
            best = Phases(stride, halves, first, taps, sources)
    assert best is not None
    return best


class ConvTranspose1d(Op):
    """``y[n, o] = act(sum x[i, c] * weight[c, o, j] + bias[o])``, ``i * stride + j = n + before``.

    The weights of each phase have scales of their own.
    """

    name: ClassVar[str] = "conv_transpose1d"
    summary: ClassVar[str] = "transposed 1-D convolution over tokens: stride, padding, bias, ReLU"
    Params: ClassVar[type[OpParams]] = ConvTranspose1dParams
    example: ClassVar[str] = (
        "{name: y, op: conv_transpose1d, in: x, channels: 8, kernel: 4, stride: 2, padding: 1}"
    )

    def shape(self, params: ConvTranspose1dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (out tokens, channels): (tokens - 1) * stride + kernel, less the padding."""
        tokens, _ = expect_sequence(self.name, inputs[0])
        stride, (before, after) = params.stride, _sides(params)
        if max(before, after) >= params.kernel:
            raise ParamError(
                f"padding {max(before, after)} is not smaller than the kernel's {params.kernel}",
                key="padding",
                hint=f"0 to {params.kernel - 1}",
            )
        if params.output_padding >= stride:
            raise ParamError(
                f"output_padding {params.output_padding} is not smaller than the stride {stride}",
                key="output_padding",
                hint=f"0 to {stride - 1}",
            )
        full = (tokens - 1) * stride + params.kernel
        out = full - before - after + params.output_padding
        if out < 1:
            raise ParamError(
                f"padding {before}+{after} leaves {out} of {full} tokens",
                key="padding",
                hint=f"together less than {full + params.output_padding}",
            )
        if out % stride:
            raise ParamError(
                f"a result of {out} tokens is no whole number of strides of {stride}",
                key="output_padding",
                hint=f"output_padding: {(before + after - full) % stride}",
            )
        return out, params.channels

    def weights(self, params: ConvTranspose1dParams, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` (features, channels, kernel) and ``bias``."""
        shapes: dict[str, Shape] = {"weight": (inputs[0][1], params.channels, params.kernel)}
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
        for j in range(params.kernel):
            end = j + (tokens - 1) * params.stride + 1
            result[:, j : end : params.stride] += data @ weight[:, :, j]
        result = result[:, before : full + params.output_padding - after]
        if params.bias:
            result = result + weights["bias"]
        return np.maximum(result, 0.0) if params.activation == "relu" else result

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
        phases = phases_of(params.kernel, params.stride, _sides(params)[0])
        features, channels, _ = weights["weight"].shape
        turned = np.zeros((params.stride, channels, features, phases.taps))
        for phase, sources in enumerate(phases.sources):
            for tap, index in sources:
                turned[phase, :, :, tap] = weights["weight"][:, :, index].T
        flat = {"weight": turned.reshape(-1, features, phases.taps)}
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
                "first": phases.first,
                "tokens": self.shape(params, shapes)[0],
            },
        )

    def rounded_weight(self, params: ConvTranspose1dParams, lowered: Lowered) -> Real:
        """Return what the codes mean as (features, channels, kernel)."""
        turned = super().rounded_weight(params, lowered)
        features, taps = turned.shape[1:]
        turned = turned.reshape(params.stride, params.channels, features, taps)
        weight = np.zeros((features, params.channels, params.kernel))
        phases = phases_of(params.kernel, params.stride, _sides(params)[0])
        for phase, sources in enumerate(phases.sources):
            for tap, index in sources:
                weight[:, :, index] = turned[phase, :, :, tap].T
        return weight

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the exact sums of codes, requantised; padding reads as the zero point."""
        attrs, weight = lowered.attrs, lowered.constants["weight"]
        data, stride = inputs[0], attrs["stride"]
        count, tokens, features = data.shape
        positions, taps = attrs["tokens"] // stride, weight.shape[2]
        sums = []
        for half, part in enumerate(np.split(weight, attrs["halves"])):
            at = np.add.outer(np.arange(positions), np.arange(taps)) + attrs["first"] + half
            inside = (at >= 0) & (at < tokens)
            read = np.where(inside[..., None], data[:, at.clip(0, tokens - 1)], attrs["pad"])
            rows = read.reshape(count, positions, taps * features)
            sums.append(exact_matmul(rows, part.transpose(2, 1, 0).reshape(taps * features, -1)))
        acc: Int = np.concatenate(sums, axis=-1) + lowered.constants["bias"]
        codes = requantised(lowered, acc, channel_axis=-1)
        return codes.reshape(count, positions * stride, -1)

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of every partial sum with its bias."""
        return accumulator_range(lowered, types[0])

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``mac`` work: the phases of a position are results like channels."""
        tokens, features = inputs[0]
        attrs, weight = lowered.attrs, lowered.constants["weight"]
        halves = attrs["halves"]
        return Work(
            kind="mac",
            ports=(Port(tokens, features),),
            row=Loop(attrs["tokens"] // attrs["stride"], dy=1),
            column=Loop(1),
            channel=Loop(halves, dy=halves - 1),
            outputs=weight.shape[0] // halves,
            reduce=(Loop(weight.shape[2], dy=1),),
            elements=features,
            origin=(attrs["first"], 0),
            pad=attrs["pad"],
        )

    def stream_weights(self, lowered: Lowered, inputs: Sequence[Shape]) -> Int:
        """Return (phases and channels, taps, features)."""
        return lowered.constants["weight"].transpose(0, 2, 1)


def _sides(params: ConvTranspose1dParams) -> tuple[int, int]:
    """Return the tokens that are cut off before and after."""
    padding = params.padding
    return (padding, padding) if isinstance(padding, int) else (padding[0], padding[1])


OP = ConvTranspose1d()
