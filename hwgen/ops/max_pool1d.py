"""Max pooling over tokens."""

from __future__ import annotations

from typing import ClassVar

from hwgen.ops.base import OpParams
from hwgen.ops.pooling import MaxPool, Pool1dParams, SequencePool

__all__ = ["OP", "MaxPool1d"]


class MaxPool1d(SequencePool, MaxPool):
    """The largest element of each window of tokens; codes keep their type."""

    name: ClassVar[str] = "max_pool1d"
    summary: ClassVar[str] = "largest element of each window of tokens"
    Params: ClassVar[type[OpParams]] = Pool1dParams
    example: ClassVar[str] = "{name: y, op: max_pool1d, in: x, kernel: 2}"


OP = MaxPool1d()
