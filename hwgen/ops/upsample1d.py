"""Nearest-neighbour up-sampling along one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.history import RowWindow
from hwgen.ops.params import Count
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Upsample1d", "Upsample1dParams"]

_AXES = {"tokens": 0, "height": 1, "width": 2}


class Upsample1dParams(OpParams):
    """Spec keys of upsample1d."""

    factor: Count = Field(description="how many times each token, row or column is repeated")
    axis: Literal["tokens", "height", "width"] = Field(
        "tokens", description="tokens of a sequence; height or width of an image"
    )


class Upsample1d(Op):
    """Each token of a sequence, row or column of an image ``factor`` times; types are kept."""

    name: ClassVar[str] = "upsample1d"
    summary: ClassVar[str] = "each token, row or column repeated a whole number of times"
    Params: ClassVar[type[OpParams]] = Upsample1dParams
    example: ClassVar[str] = "{name: y, op: upsample1d, in: x, factor: 2}"

    def shape(self, params: Upsample1dParams, inputs: Sequence[Shape]) -> Shape:
        """Return the shape with one axis ``factor`` times as long."""
        axis = _AXES[params.axis]
        if len(inputs[0]) != (2 if params.axis == "tokens" else 3):
            legal = {2: "tokens", 3: "height or width"}.get(len(inputs[0]))
            raise ParamError(
                f"{self.name} along {params.axis} does not fit an input of {list(inputs[0])}",
                key="axis",
                hint=f"axis: {legal}" if legal else "an input that is an image or a sequence",
            )
        return tuple(n * params.factor if k == axis else n for k, n in enumerate(inputs[0]))

    def real(
        self, params: Upsample1dParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the repeated elements."""
        result: Real = np.repeat(inputs[0], params.factor, axis=1 + _AXES[params.axis])
        return result

    def out_type(
        self,
        params: Upsample1dParams,
        inputs: Sequence[QType],
        proposed: QType,
        shapes: Sequence[Shape],
    ) -> QType:
        """Return the input's type."""
        return inputs[0]

    def lower(
        self,
        params: Upsample1dParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the factor and the axis; there is nothing to requantise."""
        return Lowered(attrs={"factor": params.factor, "axis": params.axis})

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the repeated codes."""
        return np.repeat(inputs[0], lowered.attrs["factor"], axis=1 + _AXES[lowered.attrs["axis"]])

    def row_window(self, params: Upsample1dParams, inputs: Sequence[Shape]) -> RowWindow:
        """Return that a row makes ``factor`` of them, or one if it is columns that repeat."""
        return RowWindow(rows=1 if params.axis == "width" else params.factor)

    def streamed(self, lowered: Lowered, history: int, warmup: int, zero: int) -> Lowered:
        """Return it as it is: no row needs another one."""
        return lowered

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``copy`` work: columns that do not move repeat a run of the stream."""
        shape = inputs[0] if len(inputs[0]) == 3 else (inputs[0][1], inputs[0][0], 1)
        run = shape[0] if lowered.attrs["axis"] == "width" else shape[0] * shape[2]
        runs = prod(shape) // run
        return Work(
            kind="copy",
            ports=(Port(runs, run),),
            row=Loop(runs, dy=1),
            column=Loop(lowered.attrs["factor"]),
            channel=Loop(run, dx=1),
        )


OP = Upsample1d()
