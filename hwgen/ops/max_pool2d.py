"""Max pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape
from hwgen.ops.pooling import PoolParams, lowered_window, pool_shape, pool_window, pool_work
from hwgen.ops.types import QType
from hwgen.ops.work import Work

__all__ = ["OP", "MaxPool2d", "MaxPool2dParams"]


class MaxPool2dParams(PoolParams):
    """Spec keys of max_pool2d."""


class MaxPool2d(Op):
    """The largest element of each window; codes keep their type."""

    name: ClassVar[str] = "max_pool2d"
    summary: ClassVar[str] = "largest element of each window"
    Params: ClassVar[type[OpParams]] = MaxPool2dParams
    example: ClassVar[str] = "{name: y, op: max_pool2d, in: x, kernel: 2}"

    def shape(self, params: MaxPool2dParams, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, out height, out width)."""
        return pool_shape(self.name, params, inputs)

    def real(
        self, params: MaxPool2dParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the maxima."""
        result: Real = pool_window(params).patches(inputs[0]).max(axis=(4, 5))
        return result

    def out_type(
        self,
        params: MaxPool2dParams,
        inputs: Sequence[QType],
        proposed: QType,
        shapes: Sequence[Shape],
    ) -> QType:
        """Return the input's type."""
        return inputs[0]

    def lower(
        self,
        params: MaxPool2dParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the window; there is nothing to requantise."""
        window = pool_window(params)
        return Lowered(attrs={"kernel": window.kernel, "stride": window.stride})

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the largest codes: scales are positive, so order is kept."""
        windows = lowered_window(lowered).patches(inputs[0])
        return np.asarray(windows.max(axis=(4, 5)), dtype=np.int64)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``max`` work."""
        return pool_work("max", lowered, inputs[0])


OP = MaxPool2d()
