"""Average pooling of images."""

from __future__ import annotations

from typing import ClassVar

from hwgen.ops.base import OpParams
from hwgen.ops.pooling import AvgPool, ImagePool, Pool2dParams

__all__ = ["OP", "AvgPool2d"]


class AvgPool2d(ImagePool, AvgPool):
    """The mean of each window."""

    name: ClassVar[str] = "avg_pool2d"
    summary: ClassVar[str] = "mean of each window"
    Params: ClassVar[type[OpParams]] = Pool2dParams
    example: ClassVar[str] = "{name: y, op: avg_pool2d, in: x, kernel: 2}"


OP = AvgPool2d()
