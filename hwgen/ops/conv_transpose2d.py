"""Transposed two-dimensional convolution: one convolution per row phase, their rows in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, NamedTuple

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
    groups: Count = Field(1, description="groups; divides the input and the output channels")
    bias: bool = Field(True, description="whether biases are added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


class ConvTranspose2d(Block):
    """``y[o, u, v] = act(sum x[c, h, w] * weight[c, o, i, j] + bias[o])``.

    Over all ``h * stride + i = u + top`` and ``w * stride + j = v + left``, and the input channels
    of the group of ``o``.
    """

    name: ClassVar[str] = "conv_transpose2d"
    summary: ClassVar[str] = "transposed 2-D convolution: stride, padding, groups, bias, ReLU"
    Params: ClassVar[type[BlockParams]] = ConvTranspose2dParams
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    example: ClassVar[str] = (
        "{name: y, op: conv_transpose2d, in: x, channels: 8, kernel: 4, stride: 2, padding: 1}"
    )
    naming: ClassVar[str] = """\
Parts: `phase0` to `phase<n - 1>` (`conv_phase2d`) for a stride of `n` rows, and `rows`
(`interleave`); with a stride of 1 only `phase0`. The weight of `phase<k>` is
(input channels, channels / groups, kernel rows, kernel columns) with the kernel rows `k`, `k + n`,
`k + 2n`, ... of the whole kernel; each phase has the bias. With groups and a stride of `m` columns
`phase<k>` is the `interleave` of `phase<k>_0` to `phase<k>_<m - 1>`, and `phase<k>_<l>` has the
kernel columns `l`, `l + m`, `l + 2m`, ..."""

    def parts(self, params: ConvTranspose2dParams, inputs: Sequence[Shape]) -> list[Part]:
        """Return a convolution per kernel row modulo the stride, and what joins their rows."""
        _, height, width = expect_image(self.name, inputs[0])
        stride, (rows, columns) = pair(params.stride), pair(params.kernel)
        padding, extra = params.padding, params.output_padding
        pads = (
            ((padding, padding), (padding, padding))
            if isinstance(padding, int)
            else ((padding[0][0], padding[0][1]), (padding[1][0], padding[1][1]))
        )
        more = (extra, extra) if isinstance(extra, int) else (extra[0], extra[1])
        split = params.groups > 1  # column phases of groups are layers, too
        for unit, taps, step, apart in (
            ("rows", rows, stride[0], True),
            ("columns", columns, stride[1], split),
        ):
            if apart and taps < step:
                raise ParamError(
                    f"a kernel of {taps} {unit} leaves {unit} of a stride of {step} empty",
                    key="kernel",
                    hint=f"at least {step} {unit}, or a smaller stride",
                )
        size = (
            out_length("rows", height, rows, stride[0], pads[0], more[0]),
            out_length("columns", width, columns, stride[1], pads[1], more[1]),
        )
        common = {
            "channels": params.channels,
            "groups": params.groups,
            "bias": params.bias,
            "activation": params.activation,
        }
        down = [
            (
                f"phase{phase.first}",
                {"rows": size[0] // stride[0], "lead": phase.lead},
                len(range(phase.first, rows, stride[0])),
            )
            for phase in _turns(stride[0], pads[0][0])
        ]
        across: list[tuple[str, dict[str, int], int]]
        across = [("", {"columns": size[1], "left": pads[1][0], "stride": stride[1]}, columns)]
        if split and stride[1] > 1:
            across = [
                (
                    f"_{phase.first}",
                    {"columns": size[1] // stride[1], "left": phase.lead},
                    len(range(phase.first, columns, stride[1])),
                )
                for phase in _turns(stride[1], pads[1][0])
            ]
        parts = []
        for name, keys, taken in down:
            for suffix, more_keys, taps in across:
                own = common | keys | more_keys | {"kernel": [taken, taps]}
                parts.append(Part(f"{name}{suffix}", "conv_phase2d", (0,), own, _ORIGINS))
            if len(across) > 1:
                read = tuple(f"{name}{suffix}" for suffix, _, _ in across)
                parts.append(Part(name, "interleave", read, {"axis": "columns"}))
        if len(down) > 1:
            parts.append(Part("rows", "interleave", tuple(name for name, _, _ in down)))
        return parts


_ORIGINS = {"rows": "kernel", "columns": "kernel", "lead": "padding", "left": "padding"}


class _Phase(NamedTuple):
    """The phase with kernel elements ``first``, ``first + stride``, ...

    Its first one meets element ``lead`` of the input at the phase's first result.
    """

    first: int
    lead: int


def _turns(stride: int, before: int) -> list[_Phase]:
    """Return the phases in the order of the results, of which ``before`` are cut off in front."""
    return [
        _Phase((phase + before) % stride, (phase + before) // stride) for phase in range(stride)
    ]


BLOCK = ConvTranspose2d()
