"""One row phase of a transposed two-dimensional convolution.

Between the rows of its result those of the other phases are to come: see ``conv_transpose2d``.
Along a row it is a transposed convolution, whose phases are results like channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, OpParams, Real, Shape
from hwgen.ops.convolution import Convolution
from hwgen.ops.mac import exact_matmul, lower_mac, requantised
from hwgen.ops.params import MAX_SIZE, Activation, Count, Size2d, expect_image, pair
from hwgen.ops.transposed import Phases, folded, out_length, phases_of, unfolded
from hwgen.ops.types import QType
from hwgen.ops.window import Side, Sides
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "ConvPhase2d", "ConvPhase2dParams"]


class ConvPhase2dParams(OpParams):
    """Spec keys of conv_phase2d."""

    channels: Count = Field(description="output channels")
    kernel: Size2d = Field(description="rows of this phase, and columns: one number or both")
    rows: Count = Field(description="rows of the result")
    lead: Annotated[int, Field(ge=0, le=MAX_SIZE)] = Field(
        0, description="row of the input that the first kernel row meets at the first result"
    )
    stride: Count = Field(1, description="columns of the result per column")
    padding: Side | Sides = Field(
        0, description="columns cut off both ends of the full result: one number or [left, right]"
    )
    output_padding: Side = Field(
        0,
        description="columns more at the end, less than the stride; the result has a whole number "
        "of strides",
    )
    bias: bool = Field(True, description="whether <layer>.bias is added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


class ConvPhase2d(Convolution):
    """``y[o, q, n] = act(sum x[c, q + lead - m, i] * weight[c, o, m, j] + bias[o])``.

    Over all kernel rows ``m`` and all ``i * stride + j = n + left``.  The weights of each phase
    of columns have scales of their own.
    """

    name: ClassVar[str] = "conv_phase2d"
    summary: ClassVar[str] = "one row phase of a transposed 2-D convolution"
    Params: ClassVar[type[OpParams]] = ConvPhase2dParams
    alike: ClassVar[bool] = True
    example: ClassVar[str] = (
        "{name: y, op: conv_phase2d, in: x, channels: 4, kernel: 2, rows: 6, stride: 2}"
    )

    def shape(self, params: ConvPhase2dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, rows, out width)."""
        width = expect_image(self.name, inputs[0])[2]
        kernel = pair(params.kernel)[1]
        sides, extra = _sides(params), params.output_padding
        out = out_length("columns", width, kernel, params.stride, sides, extra)
        return params.channels, params.rows, out

    def weights(self, params: ConvPhase2dParams, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` (input channels, channels, kernel) and ``bias``."""
        shapes: dict[str, Shape] = {
            "weight": (inputs[0][0], params.channels, *pair(params.kernel)),
        }
        if params.bias:
            shapes["bias"] = (params.channels,)
        return shapes

    def real(
        self, params: ConvPhase2dParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return what each column adds to the result, in float64."""
        data, weight = inputs[0], weights["weight"]
        count, width = data.shape[0], data.shape[3]
        (rows, columns), (left, right) = pair(params.kernel), _sides(params)
        full = (width - 1) * params.stride + columns + params.output_padding
        result: Real = np.zeros((count, params.channels, params.rows, full))
        at = np.subtract.outer(np.arange(params.rows) + params.lead, np.arange(rows))
        reads = _taken(data, at, 2, 0.0)  # (n, c, rows, kernel rows, width)
        for j in range(columns):
            end = j + (width - 1) * params.stride + 1
            part = np.einsum("ncqmx,com->noqx", reads, weight[..., j])
            result[..., j : end : params.stride] += part
        result = result[..., left : full - right]
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
        turned = folded(weights["weight"][:, :, ::-1], phases)
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
                "first": (params.lead - pair(params.kernel)[0] + 1, phases.first),
                "size": self.shape(params, shapes)[1:],
            },
        )

    def rounded_weight(self, params: ConvPhase2dParams, lowered: Lowered) -> Real:
        """Return what the codes mean as (input channels, channels, kernel)."""
        turned = super().rounded_weight(params, lowered)
        turned = turned.reshape(params.stride, params.channels, *turned.shape[1:])
        return unfolded(turned, _phases(params), pair(params.kernel)[1])[:, :, ::-1]

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the exact sums of codes, requantised; padding reads as the zero point."""
        attrs, weight = lowered.attrs, lowered.constants["weight"]
        (rows, width), (top, left), stride = attrs["size"], attrs["first"], attrs["stride"]
        kernel, taps = weight.shape[2:]
        columns, pad = width // stride, attrs["pad"]
        below = _taken(inputs[0], np.add.outer(np.arange(rows), np.arange(kernel)) + top, 2, pad)
        sums = []
        for half, part in enumerate(np.split(weight, attrs["halves"])):
            at = np.add.outer(np.arange(columns), np.arange(taps)) + left + half
            reads = _taken(below, at, 4, pad)  # (n, c, rows, kernel, columns, taps)
            flat = reads.transpose(0, 2, 4, 1, 3, 5).reshape(len(reads), rows * columns, -1)
            sums.append(exact_matmul(flat, part.reshape(len(part), -1).T))
        acc: Int = np.concatenate(sums, axis=-1) + lowered.constants["bias"]
        codes = requantised(lowered, acc, channel_axis=-1)
        image = codes.reshape(len(codes), rows, width, -1)
        return image.transpose(0, 3, 1, 2)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``mac`` work: the column phases of a position are results like channels."""
        channels, height, width = inputs[0]
        attrs, weight = lowered.attrs, lowered.constants["weight"]
        (rows, columns), (top, left), halves = attrs["size"], attrs["first"], attrs["halves"]
        return Work(
            kind="mac",
            ports=(Port(height, width * channels),),
            row=Loop(rows, dy=1),
            column=Loop(columns // attrs["stride"], dx=channels),
            channel=Loop(halves, dx=(halves - 1) * channels),
            outputs=weight.shape[0] // halves,
            reduce=(Loop(weight.shape[2], dy=1),),
            elements=weight.shape[3] * channels,
            origin=(top, left * channels),
            pad=attrs["pad"],
        )

    def stream_weights(self, lowered: Lowered, inputs: Sequence[Shape]) -> Int:
        """Return (phases and channels, kernel rows, columns and input channels)."""
        weight = lowered.constants["weight"].transpose(0, 2, 3, 1)
        return weight.reshape(*weight.shape[:2], -1)


def _taken(
    data: npt.NDArray[Any], at: npt.NDArray[np.int64], axis: int, fill: float
) -> npt.NDArray[Any]:
    """Return elements along an axis at indices (n, m), ``fill`` where there is none."""
    size = data.shape[axis]
    inside = ((at >= 0) & (at < size)).reshape(*at.shape, *(1,) * (data.ndim - axis - 1))
    return np.where(inside, np.take(data, at.clip(0, size - 1), axis=axis), fill)


def _phases(params: ConvPhase2dParams) -> Phases:
    return phases_of(pair(params.kernel)[1], params.stride, _sides(params)[0])


def _sides(params: ConvPhase2dParams) -> tuple[int, int]:
    """Return the columns that are cut off left and right."""
    padding = params.padding
    return (padding, padding) if isinstance(padding, int) else (padding[0], padding[1])


OP = ConvPhase2d()
