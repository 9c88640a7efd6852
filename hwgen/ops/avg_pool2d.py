"""Average pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape
from hwgen.ops.pooling import PoolParams, lowered_window, pool_shape, pool_window, pool_work
from hwgen.ops.scaling import rescale
from hwgen.ops.types import QType
from hwgen.ops.work import Work

__all__ = ["OP", "AvgPool2d", "AvgPool2dParams"]


class AvgPool2dParams(PoolParams):
    """Spec keys of avg_pool2d."""


class AvgPool2d(Op):
    """The mean of each window: a sum of codes, and 1 / elements in the multiplier."""

    name: ClassVar[str] = "avg_pool2d"
    summary: ClassVar[str] = "mean of each window"
    Params: ClassVar[type[OpParams]] = AvgPool2dParams
    example: ClassVar[str] = "{name: y, op: avg_pool2d, in: x, kernel: 2}"

    def shape(self, params: AvgPool2dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, out height, out width)."""
        return pool_shape(self.name, params, inputs)

    def real(
        self, params: AvgPool2dParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the means."""
        result: Real = pool_window(params).patches(inputs[0]).mean(axis=(4, 5))
        return result

    def lower(
        self,
        params: AvgPool2dParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the window and a multiplier that divides by its elements."""
        window = pool_window(params)
        return Lowered(
            attrs={"kernel": window.kernel, "stride": window.stride},
            requant=rescale(types, out, terms=prod(window.kernel)),
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the sums of codes, requantised."""
        assert lowered.requant is not None
        windows = lowered_window(lowered).patches(inputs[0])
        return lowered.requant.apply(np.asarray(windows.sum(axis=(4, 5)), dtype=np.int64))

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of the sum of a window's codes."""
        terms = prod(lowered.attrs["kernel"])
        return min(terms * types[0].low, 0), max(terms * types[0].high, 0)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``sum`` work."""
        return pool_work("sum", lowered, inputs[0])


OP = AvgPool2d()
