"""Average pooling over tokens."""

from __future__ import annotations

from typing import ClassVar

from hwgen.ops.base import OpParams
from hwgen.ops.pooling import AvgPool, Pool1dParams, SequencePool

__all__ = ["OP", "AvgPool1d"]


class AvgPool1d(SequencePool, AvgPool):
    """The mean of each window of tokens."""

    name: ClassVar[str] = "avg_pool1d"
    summary: ClassVar[str] = "mean of each window of tokens"
    Params: ClassVar[type[OpParams]] = Pool1dParams
    example: ClassVar[str] = "{name: y, op: avg_pool1d, in: x, kernel: 2}"


OP = AvgPool1d()
