"""Rows or columns of several images in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeVar

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.history import RowWindow
from hwgen.ops.params import expect_image
from hwgen.ops.scaling import rescale
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Interleave", "InterleaveParams"]

Batch = TypeVar("Batch", Int, Real)


class InterleaveParams(OpParams):
    """Spec keys of interleave."""

    axis: Literal["rows", "columns"] = Field("rows", description="what comes in turn")


class Interleave(Op):
    """Row ``n * h + k`` of the result is row ``h`` of input ``k`` of ``n``, brought to one type.

    Or column ``n * w + k`` is column ``w`` of that input.
    """

    name: ClassVar[str] = "interleave"
    summary: ClassVar[str] = "two or more images with their rows, or columns, in turn"
    Params: ClassVar[type[OpParams]] = InterleaveParams
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    example: ClassVar[str] = "{name: y, op: interleave, in: [x, x]}"

    def shape(self, params: InterleaveParams, inputs: Sequence[Shape]) -> Shape:
        """Return the shape with the heights, or the widths, summed."""
        channels, height, width = expect_image(self.name, inputs[0])
        for shape in inputs[1:]:
            if shape != inputs[0]:
                raise ParamError(
                    f"interleave needs inputs of one shape, got {list(inputs[0])} and "
                    f"{list(shape)}",
                    key="in",
                    hint="images of as many channels, rows and columns",
                )
        if params.axis == "rows":
            return channels, height * len(inputs), width
        return channels, height, width * len(inputs)

    def real(
        self, params: InterleaveParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the rows, or columns, in turn."""
        return _in_turn(inputs, params.axis)

    def out_type(
        self,
        params: InterleaveParams,
        inputs: Sequence[QType],
        proposed: QType,
        shapes: Sequence[Shape],
    ) -> QType:
        """Return the inputs' type if they have one: then codes stay as they are."""
        return inputs[0] if all(item == inputs[0] for item in inputs) else proposed

    def lower(
        self,
        params: InterleaveParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return a multiplier and a constant per input."""
        return Lowered(attrs={"axis": params.axis}, requant=rescale(types, out))

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return each input rescaled, in turn."""
        requant = lowered.requant
        assert requant is not None
        factors = zip(inputs, requant.multiplier, requant.offset, strict=True)
        return _in_turn(
            [requant.finish(codes * factor + offset) for codes, factor, offset in factors],
            lowered.attrs["axis"],
        )

    def row_window(self, params: InterleaveParams, inputs: Sequence[Shape]) -> RowWindow:
        """Return that it has a row of every input for each row, or of columns one."""
        count = len(inputs)
        return RowWindow(rows=count, in_turn=True) if params.axis == "rows" else RowWindow()

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``concat`` work: per row, the ports' rows one after the other.

        What comes in turn, a row or a column of an image, is a row of a port.
        """
        channels, height, width = inputs[0]
        port = Port(height, width * channels)
        if lowered.attrs["axis"] == "columns":
            port = Port(height * width, channels)
        return Work(
            kind="concat",
            ports=(port,) * len(inputs),
            row=Loop(port.rows, dy=1),
            column=Loop(1),
            channel=Loop(port.row * len(inputs), dx=1),
        )


def _in_turn(inputs: Sequence[Batch], axis: str) -> Batch:
    """Return images (n, channels, height, width) as one, a row or a column of each in turn."""
    place = 2 if axis == "rows" else 3
    shape = list(inputs[0].shape)
    shape[place] *= len(inputs)
    result: Batch = np.stack(inputs, axis=place + 1).reshape(shape)
    return result


OP = Interleave()
