"""Index of the largest element of a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Argmax", "ArgmaxParams"]


class ArgmaxParams(OpParams):
    """argmax has no spec keys of its own."""


class Argmax(Op):
    """The index of the largest element, the lowest one of equals."""

    name: ClassVar[str] = "argmax"
    summary: ClassVar[str] = "index of the largest element of a vector; the first of equals"
    Params: ClassVar[type[OpParams]] = ArgmaxParams
    categorical: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: argmax, in: x}"

    def shape(self, params: ArgmaxParams, inputs: Sequence[Shape]) -> Shape:
        """Return (1,)."""
        if len(inputs[0]) != 1:
            raise ParamError(
                f"argmax needs a vector, got shape {list(inputs[0])}",
                key="in",
                hint="put a flatten layer before it",
            )
        return (1,)

    def real(
        self, params: ArgmaxParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the index as a float."""
        return np.asarray(np.argmax(inputs[0], axis=1, keepdims=True), dtype=np.float64)

    def out_type(
        self,
        params: ArgmaxParams,
        inputs: Sequence[QType],
        proposed: QType,
        shapes: Sequence[Shape],
    ) -> QType:
        """Return an unsigned index of as many bits as it needs, at least 2."""
        return QType(bits=max(2, (shapes[0][0] - 1).bit_length()), signed=False, scale=1.0)

    def lower(
        self,
        params: ArgmaxParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return nothing: codes are compared as they are."""
        return Lowered()

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the index of the largest code: scales are positive, so order is kept."""
        return np.asarray(np.argmax(inputs[0], axis=1, keepdims=True), dtype=np.int64)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``argmax`` work: one result from all elements."""
        elements = inputs[0][0]
        return Work(
            kind="argmax",
            ports=(Port(1, elements),),
            row=Loop(1),
            column=Loop(1),
            channel=Loop(1),
            reduce=(Loop(elements, dx=1),),
        )


OP = Argmax()
