"""Nearest-neighbour up-sampling of sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape
from hwgen.ops.params import Count, expect_sequence
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Upsample1d", "Upsample1dParams"]


class Upsample1dParams(OpParams):
    """Spec keys of upsample1d."""

    factor: Count = Field(description="how many times each token is repeated")


class Upsample1d(Op):
    """Each token ``factor`` times; codes keep their type."""

    name: ClassVar[str] = "upsample1d"
    summary: ClassVar[str] = "each token of a sequence repeated a whole number of times"
    Params: ClassVar[type[OpParams]] = Upsample1dParams
    example: ClassVar[str] = "{name: y, op: upsample1d, in: x, factor: 2}"

    def shape(self, params: Upsample1dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (tokens * factor, features)."""
        tokens, features = expect_sequence(self.name, inputs[0])
        return tokens * params.factor, features

    def real(
        self, params: Upsample1dParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the repeated tokens."""
        result: Real = np.repeat(inputs[0], params.factor, axis=1)
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
        """Return the factor; there is nothing to requantise."""
        return Lowered(attrs={"factor": params.factor})

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the repeated codes."""
        return np.repeat(inputs[0], lowered.attrs["factor"], axis=1)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``copy`` work: columns that do not move repeat a token."""
        tokens, features = inputs[0]
        return Work(
            kind="copy",
            ports=(Port(tokens, features),),
            row=Loop(tokens, dy=1),
            column=Loop(lowered.attrs["factor"]),
            channel=Loop(features, dx=1),
        )


OP = Upsample1d()
