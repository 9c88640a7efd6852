"""Rows that leave later than they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.history import row_axis, visible_rows, with_history
from hwgen.ops.params import Count
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Delay", "DelayParams"]


class DelayParams(OpParams):
    """Spec keys of delay."""

    rows: Count = Field(description="rows of an image, or tokens, that the result is behind")


class Delay(Op):
    """``y[i] = x[i - rows]``, where rows before the first are the last ones of earlier tensors.

    Before the first tensor all rows are zero.
    """

    name: ClassVar[str] = "delay"
    summary: ClassVar[str] = "rows of an image, or tokens, so many rows later, across tensors"
    Params: ClassVar[type[OpParams]] = DelayParams
    remembers: ClassVar[bool] = True
    one_length: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: delay, in: x, rows: 2}"

    def shape(self, params: DelayParams, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        if len(inputs[0]) == 1:
            raise ParamError(
                f"delay needs an input with rows, got a vector of {inputs[0][0]}",
                key="in",
                hint="an image, or a sequence of shape (tokens, features)",
            )
        return inputs[0]

    def real(
        self, params: DelayParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the rows of all samples, in time, so many rows later."""
        axis = row_axis(inputs[0].ndim)
        moved = np.moveaxis(inputs[0], axis, 1)
        time = moved.reshape(-1, *moved.shape[2:])
        late = np.zeros_like(time)
        late[params.rows :] = time[: max(len(time) - params.rows, 0)]
        return np.moveaxis(late.reshape(moved.shape), 1, axis)

    def out_type(
        self,
        params: DelayParams,
        inputs: Sequence[QType],
        proposed: QType,
        shapes: Sequence[Shape],
    ) -> QType:
        """Return the input's type."""
        return inputs[0]

    def lower(
        self,
        params: DelayParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the rows of the history; codes pass through."""
        return self.of(params.rows, types[0].zero_point)

    @staticmethod
    def of(rows: int, zero: int) -> Lowered:
        """Return the integer form of a delay of codes whose zero is ``zero``."""
        return Lowered(attrs={"history": rows, "warmup": 0, "pad": zero})

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the codes of the rows before; samples follow one another in time."""
        axis = row_axis(inputs[0].ndim)
        rows = inputs[0].shape[axis]
        return with_history(inputs[0], lowered.attrs).take(np.arange(rows), axis=axis)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``copy`` work: as many rows as a tensor has, from its history on."""
        rows, row = _layout(inputs[0])
        visible, history, _ = visible_rows(rows, lowered.attrs)
        return Work(
            kind="copy",
            ports=(Port(visible, row, history),),
            row=Loop(rows, dy=1),
            column=Loop(1),
            channel=Loop(row, dx=1),
            pad=lowered.attrs["pad"],
        )


def _layout(shape: Shape) -> tuple[int, int]:
    """Return the rows of a tensor, and the elements of one."""
    rows: Any = shape[row_axis(len(shape) + 1) - 1]
    return int(rows), prod(shape) // int(rows)


OP = Delay()
