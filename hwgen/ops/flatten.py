"""From an image or a sequence to a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape
from hwgen.ops.elementwise import pointwise_work
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Flatten", "FlattenParams"]


class FlattenParams(OpParams):
    """flatten has no spec keys of its own."""


class Flatten(Op):
    """(channels, height, width) or (tokens, features) as one vector in that order.

    Codes keep their type.  The stream order of an image has the channel fastest, so that its
    elements are transposed; those of a sequence stay in place.
    """

    name: ClassVar[str] = "flatten"
    summary: ClassVar[str] = "image or sequence to vector, in the order of its shape"
    Params: ClassVar[type[OpParams]] = FlattenParams
    example: ClassVar[str] = "{name: y, op: flatten, in: x}"

    def shape(self, params: FlattenParams, inputs: Sequence[Shape]) -> Shape:
        """Return (elements,)."""
        return (prod(inputs[0]),)

    def real(
        self, params: FlattenParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the elements in C order."""
        return inputs[0].reshape(len(inputs[0]), -1)

    def out_type(
        self,
        params: FlattenParams,
        inputs: Sequence[QType],
        proposed: QType,
        shapes: Sequence[Shape],
    ) -> QType:
        """Return the input's type."""
        return inputs[0]

    def lower(
        self,
        params: FlattenParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return nothing: codes pass through."""
        return Lowered()

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the codes in C order."""
        return inputs[0].reshape(len(inputs[0]), -1)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``copy`` work; for an image, columns are channels and channels are pixels."""
        if len(inputs[0]) != 3:
            return pointwise_work("copy", inputs)
        channels, height, width = inputs[0]
        return Work(
            kind="copy",
            ports=(Port(1, height * width * channels),),
            row=Loop(1),
            column=Loop(channels, dx=1),
            channel=Loop(height * width, dx=channels),
        )


OP = Flatten()
