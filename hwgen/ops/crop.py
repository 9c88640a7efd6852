"""Some rows of a tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Annotated, Any, ClassVar

import numpy.typing as npt
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.history import row_axis
from hwgen.ops.params import MAX_SIZE, Count
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Crop", "CropParams"]


class CropParams(OpParams):
    """Spec keys of crop."""

    first: Annotated[int, Field(ge=0, le=MAX_SIZE)] = Field(
        0, description="rows of an image, or tokens, to leave out before the result"
    )
    rows: Count = Field(description="rows of an image, or tokens, of the result")


class Crop(Op):
    """``y[i] = x[first + i]``."""

    name: ClassVar[str] = "crop"
    summary: ClassVar[str] = "some rows of an image, or tokens of a sequence"
    Params: ClassVar[type[OpParams]] = CropParams
    example: ClassVar[str] = "{name: y, op: crop, in: x, first: 2, rows: 3}"

    def shape(self, params: CropParams, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape with so many rows."""
        if len(inputs[0]) == 1:
            raise ParamError(
                f"crop needs an input with rows, got a vector of {inputs[0][0]}",
                key="in",
                hint="an image, or a sequence of shape (tokens, features)",
            )
        axis = row_axis(len(inputs[0]) + 1) - 1
        rows = inputs[0][axis]
        if params.first + params.rows > rows:
            raise ParamError(
                f"rows {params.first} to {params.first + params.rows - 1} of {rows}",
                key="rows" if params.first < rows else "first",
                hint=f"first + rows: at most {rows}",
            )
        return (*inputs[0][:axis], params.rows, *inputs[0][axis + 1 :])

    def real(self, params: CropParams, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return the rows."""
        return _rows(inputs[0], params.first, params.rows)

    def out_type(
        self, params: CropParams, inputs: Sequence[QType], proposed: QType, shapes: Sequence[Shape]
    ) -> QType:
        """Return the input's type."""
        return inputs[0]

    def lower(
        self,
        params: CropParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return which rows; codes pass through."""
        return self.of(params.first, params.rows)

    @staticmethod
    def of(first: int, rows: int) -> Lowered:
        """Return the integer form of a crop."""
        return Lowered(attrs={"first": first, "rows": rows})

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the codes of the rows."""
        return _rows(inputs[0], lowered.attrs["first"], lowered.attrs["rows"])

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``copy`` work that begins with the first of the rows."""
        rows = inputs[0][row_axis(len(inputs[0]) + 1) - 1]
        row = prod(inputs[0]) // rows
        return Work(
            kind="copy",
            ports=(Port(rows, row),),
            row=Loop(lowered.attrs["rows"], dy=1),
            column=Loop(1),
            channel=Loop(row, dx=1),
            origin=(lowered.attrs["first"], 0),
        )


def _rows(values: npt.NDArray[Any], first: int, rows: int) -> npt.NDArray[Any]:
    """Return rows of a batch."""
    kept = slice(first, first + rows)
    return values[:, :, kept] if values.ndim == 4 else values[:, kept]


OP = Crop()
