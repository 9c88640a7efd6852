"""Transposed two-dimensional convolution: one convolution per row phase, their rows in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from hwgen.ops.base import ParamError, Shape
from hwgen.ops.block import Block, BlockParams, Part
from hwgen.ops.params import Activation, Count, Size2d, expect_image, pair
from hwgen.ops.transposed import out_length
from hwgen.ops.window import Side, Sides

__all__ = ["BLOCK", "ConvTranspose2d", "ConvTranspose2dParams"]


class ConvTranspose2dParams(BlockParams):
    """Spec keys of conv_transpose2d."""

    channels: Count = Field(description="output channels")
    kernel: Size2d = Field(description="kernel size: one number or [height, width]")
    stride: Size2d = Field(
        1, description="elements of the result per element: one number or [height, width]"
    )
    padding: Side | Annotated[list[Sides], Field(min_length=2, max_length=2)] = Field(
        0,
        description="elements cut off the full result: one number, or "
        "[[top, bottom], [left, right]]",
    )
    output_padding: Side | Sides = Field(
        0,
        description="rows and columns more at the end, less than the stride: one number or both; "
        "the result has a whole number of strides",
    )
    bias: bool = Field(True, description="whether biases are added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


class ConvTranspose2d(Block):
    """``y[o, u, v] = act(sum x[c, h, w] * weight[c, o, i, j] + bias[o])``.

    Over all ``h * stride + i = u + top`` and ``w * stride + j = v + left``.
    """

    name: ClassVar[str] = "conv_transpose2d"
    summary: ClassVar[str] = "transposed 2-D convolution: stride, padding, bias, ReLU"
    Params: ClassVar[type[BlockParams]] = ConvTranspose2dParams
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    example: ClassVar[str] = (
        "{name: y, op: conv_transpose2d, in: x, channels: 8, kernel: 4, stride: 2, padding: 1}"
    )
    naming: ClassVar[str] = """\
Parts: `phase0` to `phase<n - 1>` (`conv_phase2d`) for a stride of `n` rows, and `rows`
(`interleave`); with a stride of 1 only `phase0`. The weight of `phase<k>` is
(input channels, channels, kernel rows, kernel columns) with the kernel rows `k`, `k + n`,
`k + 2n`, ... of the whole kernel; each phase has the bias."""

    def parts(self, params: ConvTranspose2dParams, inputs: Sequence[Shape]) -> list[Part]:
        """Return a convolution per kernel row modulo the stride, and what joins their rows."""
        height = expect_image(self.name, inputs[0])[1]
        (rows, columns), (down, across) = pair(params.kernel), pair(params.stride)
        padding = params.padding
        (top, bottom), sides = (
            ((padding, padding), [padding, padding])
            if isinstance(padding, int)
            else ((padding[0][0], padding[0][1]), padding[1])
        )
        extra = params.output_padding
        more = (extra, extra) if isinstance(extra, int) else (extra[0], extra[1])
        if rows < down:
            raise ParamError(
                f"a kernel of {rows} rows leaves rows of a stride of {down} empty",
                key="kernel",
                hint=f"at least {down} rows, or a smaller stride",
            )
        out = out_length("rows", height, rows, down, (top, bottom), more[0])
        common = {
            "channels": params.channels,
            "rows": out // down,
            "stride": across,
            "padding": sides,
            "output_padding": more[1],
            "bias": params.bias,
            "activation": params.activation,
        }
        parts = []
        turns = [(phase + top) % down for phase in range(down)]
        for first in range(down):
            keys = {"kernel": [len(range(first, rows, down)), columns]}
            lead = (turns.index(first) + top) // down
            origins = {"rows": "kernel", "lead": "padding"}
            parts.append(
                Part(f"phase{first}", "conv_phase2d", (0,), common | keys | {"lead": lead}, origins)
            )
        if down > 1:
            parts.append(Part("rows", "interleave", tuple(f"phase{k}" for k in turns)))
        return parts


BLOCK = ConvTranspose2d()
