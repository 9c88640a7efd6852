"""The mean of each channel."""

from __future__ import annotations

from typing import ClassVar

from hwgen.ops.arithmetic import bits_for
from hwgen.ops.base import OpParams
from hwgen.ops.pooling import AvgPool, GlobalParams, WholePool
from hwgen.ops.types import QType

__all__ = ["OP", "GlobalAvgPool"]


class GlobalAvgPool(WholePool, AvgPool):
    """The mean of each channel of an image, or feature of a sequence."""

    name: ClassVar[str] = "global_avg_pool"
    summary: ClassVar[str] = "mean of each channel, of an image or a sequence"
    Params: ClassVar[type[OpParams]] = GlobalParams
    parts_of: ClassVar[tuple[str, str]] = ("avg_pool2d", "avg_pool1d")
    example: ClassVar[str] = "{name: y, op: global_avg_pool, in: x}"

    def left(self, kind: QType, terms: int) -> QType:
        """Return the type of the exact sum of ``terms`` codes."""
        low, high = terms * kind.low, terms * kind.high
        signed = low < 0
        bits = bits_for(low, high) if signed else high.bit_length()
        return QType(bits, signed, kind.scale, terms * kind.zero_point)


OP = GlobalAvgPool()
