"""The mean of each channel."""

from __future__ import annotations

from typing import ClassVar

from hwgen.ops.base import OpParams
from hwgen.ops.pooling import AvgPool, GlobalParams, WholePool

__all__ = ["OP", "GlobalAvgPool"]


class GlobalAvgPool(WholePool, AvgPool):
    """The mean of each channel of an image, or feature of a sequence."""

    name: ClassVar[str] = "global_avg_pool"
    summary: ClassVar[str] = "mean of each channel, of an image or a sequence"
    Params: ClassVar[type[OpParams]] = GlobalParams
    example: ClassVar[str] = "{name: y, op: global_avg_pool, in: x}"


OP = GlobalAvgPool()
