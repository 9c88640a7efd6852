"""Tensors one after the other, along the channels or the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import (
    Lowered,
    LowerOptions,
    Op,
    OpParams,
    ParamError,
    Real,
    Shape,
    channel_axis,
)
from hwgen.ops.elementwise import rows_of
from hwgen.ops.history import RowWindow, row_axis
from hwgen.ops.scaling import identity, rescale
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Concat", "ConcatParams"]


class ConcatParams(OpParams):
    """Spec keys of concat."""

    axis: Literal["channels", "rows"] = Field(
        "channels", description="channels (or features), or rows (of an image, or tokens)"
    )


class Concat(Op):
    """Channels (or features) of the inputs in order, or their rows, brought to one type."""

    name: ClassVar[str] = "concat"
    summary: ClassVar[str] = (
        "two or more tensors one after the other along the channels, or the rows"
    )
    Params: ClassVar[type[OpParams]] = ConcatParams
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    row_by_row: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: concat, in: [x, x]}"

    def shape(self, params: ConcatParams, inputs: Sequence[Shape]) -> Shape:
        """Return the shape with the channels, or the rows, summed."""
        along = params.axis == "rows"
        if along and len(inputs[0]) == 1:
            raise ParamError(
                "a vector has no rows", key="axis", hint="channels, or inputs with rows"
            )
        for shape in inputs[1:]:
            if _others(shape, rows=along) != _others(inputs[0], rows=along):
                hint = "images of one height and width, sequences of as many tokens, or vectors"
                if along:
                    hint = (
                        "images of one width and as many channels, or sequences of as many features"
                    )
                raise ParamError(
                    f"concat needs inputs that differ in their {params.axis} only, "
                    f"got {list(inputs[0])} and {list(shape)}",
                    key="in",
                    hint=hint,
                )
        result = list(inputs[0])
        axis = _axis(inputs[0], rows=along)
        result[axis] = sum(shape[axis] for shape in inputs)
        return tuple(result)

    def real(
        self, params: ConcatParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the concatenation."""
        along = params.axis == "rows"
        return np.concatenate(list(inputs), axis=1 + _axis(inputs[0].shape[1:], rows=along))

    def lower(
        self,
        params: ConcatParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return a multiplier and a constant per input."""
        attrs = {"rows": True} if params.axis == "rows" else {}
        return Lowered(attrs=attrs, requant=rescale(types, out))

    @staticmethod
    def of_rows(inputs: int, out: QType) -> Lowered:
        """Return the integer form of rows one after the other, whose codes stay."""
        return Lowered(attrs={"rows": True}, requant=identity(out, inputs))

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return each input rescaled, one after the other."""
        requant = lowered.requant
        assert requant is not None
        parts = [
            requant.finish(codes * multiplier + offset)
            for codes, multiplier, offset in zip(
                inputs, requant.multiplier, requant.offset, strict=True
            )
        ]
        along = "rows" in lowered.attrs
        return np.concatenate(parts, axis=1 + _axis(inputs[0].shape[1:], rows=along))

    def row_window(self, params: ConcatParams, inputs: Sequence[Shape]) -> RowWindow | None:
        """Return that it works row by row, unless along the rows."""
        return None if params.axis == "rows" else super().row_window(params, inputs)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``concat`` work: per row, the ports' rows one after the other.

        Along the rows a port is one row.
        """
        ports = tuple(rows_of(shape) for shape in inputs)
        if "rows" in lowered.attrs:
            ports = tuple(Port(1, port.elements) for port in ports)
        return Work(
            kind="concat",
            ports=ports,
            row=Loop(ports[0].rows, dy=1),
            column=Loop(1),
            channel=Loop(sum(port.row for port in ports), dx=1),
        )


def _axis(shape: Shape, *, rows: bool) -> int:
    """Return the axis along which inputs follow one another."""
    return row_axis(len(shape) + 1) - 1 if rows else channel_axis(shape)


def _others(shape: Shape, *, rows: bool) -> list[int]:
    """Return the sizes along the other axes."""
    along = _axis(shape, rows=rows)
    return [len(shape), *(size for axis, size in enumerate(shape) if axis != along)]


OP = Concat()
