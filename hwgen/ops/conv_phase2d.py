"""One row phase of a transposed two-dimensional convolution.

Between the rows of its result those of the other phases are to come: see ``conv_transpose2d``.
Along a row it is a transposed convolution, whose phases are results like channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, OpParams, ParamError, Real, Shape
from hwgen.ops.convolution import Convolution, check_groups
from hwgen.ops.history import RowWindow, visible_rows, with_history
from hwgen.ops.mac import exact_matmul, lower_mac, requantised
from hwgen.ops.params import Activation, Count, Size2d, expect_image, pair
from hwgen.ops.transposed import Phases, folded, phases_of, unfolded
from hwgen.ops.types import QType
from hwgen.ops.window import Side
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "ConvPhase2d", "ConvPhase2dParams"]


class ConvPhase2dParams(OpParams):
    """Spec keys of conv_phase2d."""

    channels: Count = Field(description="output channels")
    kernel: Size2d = Field(description="rows of this phase, and columns: one number or both")
    rows: Count = Field(description="rows of the result")
    columns: Count = Field(description="columns of the result, a whole number of strides")
    lead: Side = Field(
        0, description="row of the input that the first kernel row meets at the first result"
    )
    left: Side = Field(0, description="columns cut off the left of the full result")
    stride: Count = Field(1, description="columns of the result per column; with groups 1")
    groups: Count = Field(1, description="groups; divides the input and the output channels")
    bias: bool = Field(True, description="whether <layer>.bias is added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


class ConvPhase2d(Convolution):
    """``y[o, q, n] = act(sum x[c, q + lead - m, i] * weight[c, o, m, j] + bias[o])``.

    Over all kernel rows ``m`` and all ``i * stride + j = n + left``, and the input channels of the
    group of ``o``.  The weights of each phase of columns have scales of their own.
    """

    name: ClassVar[str] = "conv_phase2d"
    summary: ClassVar[str] = "one row phase of a transposed 2-D convolution"
    Params: ClassVar[type[OpParams]] = ConvPhase2dParams
    alike: ClassVar[bool] = True
    padded_apart: ClassVar[bool] = False
    example: ClassVar[str] = (
        "{name: y, op: conv_phase2d, in: x, channels: 4, kernel: 2, rows: 6, columns: 12, "
        "stride: 2}"
    )

    def shape(self, params: ConvPhase2dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, rows, columns)."""
        channels, _, _ = expect_image(self.name, inputs[0])
        check_groups(params.groups, channels, params.channels)
        if params.groups > 1 and params.stride > 1:
            raise ParamError(
                f"groups {params.groups} need columns one after the other, not {params.stride} of "
                "the result per column",
                key="stride",
                hint="1; conv_transpose2d makes a layer of each phase",
            )
        if params.columns % params.stride:
            raise ParamError(
                f"a result of {params.columns} columns is no whole number of strides of "
                f"{params.stride}",
                key="columns",
                hint=f"{-(-params.columns // params.stride) * params.stride}",
            )
        return params.channels, params.rows, params.columns

    def weights(self, params: ConvPhase2dParams, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` (input channels, channels / groups, kernel) and ``bias``."""
        per_group = params.channels // params.groups
        shapes: dict[str, Shape] = {"weight": (inputs[0][0], per_group, *pair(params.kernel))}
        if params.bias:
            shapes["bias"] = (params.channels,)
        return shapes

    def real(
        self, params: ConvPhase2dParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return what each column adds to the result, in float64."""
        data, weight, groups = inputs[0], weights["weight"], params.groups
        count, channels, _, width = data.shape
        rows, columns = pair(params.kernel)
        full = max((width - 1) * params.stride + columns, params.left + params.columns)
        result: Real = np.zeros((count, params.channels, params.rows, full))
        at = np.subtract.outer(np.arange(params.rows) + params.lead, np.arange(rows))
        reads = _taken(data, at, 2, 0.0)  # (n, c, rows, kernel rows, width)
        reads = reads.reshape(count, groups, channels // groups, *reads.shape[2:])
        parts = weight.reshape(groups, channels // groups, *weight.shape[1:])
        for j in range(columns):
            end = j + (width - 1) * params.stride + 1
            part = np.einsum("ngcqmx,gcom->ngoqx", reads, parts[..., j])
            result[..., j : end : params.stride] += part.reshape(*result.shape[:3], width)
        result = result[..., params.left : params.left + params.columns]
        return self.finished(params, result, weights, channel_axis=1)

    def lower(
        self,
        params: ConvPhase2dParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return codes per phase of columns and output channel; kernel rows from the top."""
        phases = _phases(params)
        parts = np.split(weights["weight"][:, :, ::-1], params.groups)
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
                "first": (params.lead - pair(params.kernel)[0] + 1, phases.first),
                "columns": params.columns,
                "more": params.rows - shapes[0][1],
            },
        )

    def rounded_weight(self, params: ConvPhase2dParams, lowered: Lowered) -> Real:
        """Return what the codes mean as (input channels, channels / groups, kernel)."""
        turned = super().rounded_weight(params, lowered)
        turned = turned.reshape(params.stride, params.channels, *turned.shape[1:])
        parts, kernel = np.split(turned, params.groups, axis=1), pair(params.kernel)[1]
        phases = _phases(params)
        return np.concatenate([unfolded(part, phases, kernel) for part in parts])[:, :, ::-1]

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the exact sums of codes, requantised; padding reads as the zero point."""
        attrs, weight = lowered.attrs, lowered.constants["weight"]
        (top, left), width = attrs["first"], attrs["columns"]
        rows, columns = inputs[0].shape[2] + attrs["more"], width // attrs["stride"]
        (kernel, taps), pad = weight.shape[2:], attrs["pad"]
        data, top = with_history(inputs[0], attrs), top + attrs.get("history", 0)
        below = _taken(data, np.add.outer(np.arange(rows), np.arange(kernel)) + top, 2, pad)
        sums = []
        for half, part in enumerate(np.split(weight, attrs["halves"])):
            at = np.add.outer(np.arange(columns), np.arange(taps)) + left + half
            reads = _taken(below, at, 4, pad)  # (n, c, rows, kernel, columns, taps)
            flat = reads.transpose(0, 2, 4, 1, 3, 5).reshape(len(reads), rows * columns, -1)
            groups = zip(
                np.split(flat, attrs["groups"], axis=2),
                np.split(part, attrs["groups"]),
                strict=True,
            )
            sums += [exact_matmul(read, own.reshape(len(own), -1).T) for read, own in groups]
        acc: Int = np.concatenate(sums, axis=-1) + lowered.constants["bias"]
        codes = requantised(lowered, acc, channel_axis=-1)
        image = codes.reshape(len(codes), rows, width, -1)
        return image.transpose(0, 3, 1, 2)

    def row_window(self, params: ConvPhase2dParams, inputs: Sequence[Shape]) -> RowWindow:
        """Return the window along the height, which ends with row ``lead``."""
        rows = pair(params.kernel)[0]
        return RowWindow(rows, left=rows - 1 - params.lead)

    def streamed(self, lowered: Lowered, history: int, warmup: int, zero: int) -> Lowered:
        """Return it with as many rows as its input has, whose windows end with them."""
        streamed = super().streamed(lowered, history, warmup, zero)
        first = -history, lowered.attrs["first"][1]
        return replace(streamed, attrs={**streamed.attrs, "first": first, "more": 0})

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``mac`` work: the column phases of a position are results like channels.

        Without groups a kernel row is one segment.
        """
        channels, height, width = inputs[0]
        attrs, weight = lowered.attrs, lowered.constants["weight"]
        (top, left), halves = attrs["first"], attrs["halves"]
        visible, history, _ = visible_rows(height, attrs)
        groups, kernel = attrs["groups"], Loop(weight.shape[2], dy=1)
        whole = groups == 1
        return Work(
            kind="mac",
            ports=(Port(visible, width * channels, history, attrs.get("warmup", 0)),),
            row=Loop(height + attrs["more"], dy=1),
            column=Loop(attrs["columns"] // attrs["stride"], dx=channels),
            channel=Loop(halves, dx=(halves - 1) * channels)
            if whole
            else Loop(groups, dx=channels // groups),
            outputs=weight.shape[0] // (halves if whole else groups),
            reduce=(kernel,) if whole else (kernel, Loop(weight.shape[3], dx=channels)),
            elements=weight.shape[3] * channels if whole else channels // groups,
            origin=(history + top, left * channels),
            pad=attrs["pad"],
        )

    def stream_weights(self, lowered: Lowered, inputs: Sequence[Shape]) -> Int:
        """Return (phases and channels, segments, contiguous elements)."""
        weight = lowered.constants["weight"].transpose(0, 2, 3, 1)
        results, rows, columns, depth = weight.shape
        if lowered.attrs["groups"] == 1:
            return weight.reshape(results, rows, columns * depth)
        return weight.reshape(results, rows * columns, depth)


def _taken(
    data: npt.NDArray[Any], at: npt.NDArray[np.int64], axis: int, fill: float
) -> npt.NDArray[Any]:
    """Return elements along an axis at indices (n, m), ``fill`` where there is none."""
    size = data.shape[axis]
    inside = ((at >= 0) & (at < size)).reshape(*at.shape, *(1,) * (data.ndim - axis - 1))
    return np.where(inside, np.take(data, at.clip(0, size - 1), axis=axis), fill)


def _phases(params: ConvPhase2dParams) -> Phases:
    return phases_of(pair(params.kernel)[1], params.stride, params.left)


OP = ConvPhase2d()
