"""Max pooling of images."""

from __future__ import annotations

from typing import ClassVar

from hwgen.ops.base import OpParams
from hwgen.ops.pooling import ImagePool, MaxPool, Pool2dParams

__all__ = ["OP", "MaxPool2d"]


class MaxPool2d(ImagePool, MaxPool):
    """The largest element of each window; codes keep their type."""

    name: ClassVar[str] = "max_pool2d"
    summary: ClassVar[str] = "largest element of each window"
    Params: ClassVar[type[OpParams]] = Pool2dParams
    example: ClassVar[str] = "{name: y, op: max_pool2d, in: x, kernel: 2}"


OP = MaxPool2d()
