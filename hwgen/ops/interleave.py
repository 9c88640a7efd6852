"""Rows of several images in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.params import expect_image
from hwgen.ops.scaling import rescale
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Interleave", "InterleaveParams"]

Batch = TypeVar("Batch", Int, Real)


class InterleaveParams(OpParams):
    """interleave has no spec keys of its own."""


class Interleave(Op):
    """Row ``n * h + k`` of the result is row ``h`` of input ``k`` of ``n``, brought to one type."""

    name: ClassVar[str] = "interleave"
    summary: ClassVar[str] = "two or more images with their rows in turn"
    Params: ClassVar[type[OpParams]] = InterleaveParams
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    example: ClassVar[str] = "{name: y, op: interleave, in: [x, x]}"

    def shape(self, params: InterleaveParams, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, sum of the heights, width)."""
        channels, height, width = expect_image(self.name, inputs[0])
        for shape in inputs[1:]:
            if shape != inputs[0]:
                raise ParamError(
                    f"interleave needs inputs of one shape, got {list(inputs[0])} and "
                    f"{list(shape)}",
                    key="in",
                    hint="images of as many channels, rows and columns",
                )
        return channels, height * len(inputs), width

    def real(
        self, params: InterleaveParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the rows in turn."""
        return _in_turn(inputs)

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
        return Lowered(requant=rescale(types, out))

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return each input rescaled, their rows in turn."""
        requant = lowered.requant
        assert requant is not None
        factors = zip(inputs, requant.multiplier, requant.offset, strict=True)
        return _in_turn(
            [requant.finish(codes * factor + offset) for codes, factor, offset in factors]
        )

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``concat`` work: per row of an image, the ports' rows one after the other."""
        channels, height, width = inputs[0]
        port = Port(height, width * channels)
        return Work(
            kind="concat",
            ports=(port,) * len(inputs),
            row=Loop(height, dy=1),
            column=Loop(1),
            channel=Loop(port.row * len(inputs), dx=1),
        )


def _in_turn(inputs: Sequence[Batch]) -> Batch:
    """Return images (n, channels, height, width) as one, a row of each in turn."""
    count, channels, height, width = inputs[0].shape
    result: Batch = np.stack(inputs, axis=3).reshape(count, channels, height * len(inputs), width)
    return result


OP = Interleave()
