"""Tensors one after the other along the channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.elementwise import rows_of
from hwgen.ops.scaling import rescale
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Work

__all__ = ["OP", "Concat", "ConcatParams"]


class ConcatParams(OpParams):
    """concat has no spec keys of its own."""


class Concat(Op):
    """Channels (or features) of the inputs in order, brought to one type."""

    name: ClassVar[str] = "concat"
    summary: ClassVar[str] = "two or more tensors one after the other along the channels"
    Params: ClassVar[type[OpParams]] = ConcatParams
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    example: ClassVar[str] = "{name: y, op: concat, in: [x, x]}"

    def shape(self, params: ConcatParams, inputs: Sequence[Shape]) -> Shape:
        """Return the shape with the channels summed."""
        for shape in inputs[1:]:
            if shape[1:] != inputs[0][1:] or len(shape) != len(inputs[0]):
                raise ParamError(
                    "concat needs inputs of one height and width, "
                    f"got {list(inputs[0])} and {list(shape)}",
                    key="in",
                    hint="shapes that differ in their first number only",
                )
        return sum(shape[0] for shape in inputs), *inputs[0][1:]

    def real(
        self, params: ConcatParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the concatenation."""
        return np.concatenate(list(inputs), axis=1)

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
        return Lowered(requant=rescale(types, out))

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
        return np.concatenate(parts, axis=1)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``concat`` work: per row, the ports' rows one after the other."""
        ports = tuple(rows_of(shape) for shape in inputs)
        return Work(
            kind="concat",
            ports=ports,
            row=Loop(ports[0].rows, dy=1),
            column=Loop(1),
            channel=Loop(sum(port.row for port in ports), dx=1),
        )


OP = Concat()
