"""The largest element of each channel."""

from __future__ import annotations

from typing import ClassVar

from hwgen.ops.base import OpParams
from hwgen.ops.pooling import GlobalParams, MaxPool, WholePool

__all__ = ["OP", "GlobalMaxPool"]


class GlobalMaxPool(WholePool, MaxPool):
    """The largest element of each channel of an image, or feature of a sequence."""

    name: ClassVar[str] = "global_max_pool"
    summary: ClassVar[str] = "largest element of each channel, of an image or a sequence"
    Params: ClassVar[type[OpParams]] = GlobalParams
    parts_of: ClassVar[tuple[str, str]] = ("max_pool2d", "max_pool1d")
    example: ClassVar[str] = "{name: y, op: global_max_pool, in: x}"


OP = GlobalMaxPool()
