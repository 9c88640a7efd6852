"""What max and average pooling share: keys, shape, work."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from hwgen.ops.base import Lowered, OpParams, Shape
from hwgen.ops.params import Size2d, expect_image, pair
from hwgen.ops.window import Window
from hwgen.ops.work import Loop, Port, Work

__all__ = ["PoolParams", "lowered_window", "pool_shape", "pool_window", "pool_work"]


class PoolParams(OpParams):
    """Spec keys of the pooling ops."""

    kernel: Size2d = Field(description="window size: one number or [height, width]")
    stride: Size2d | None = Field(
        None, description="step of the window: one number or [height, width]; default: the kernel"
    )


def pool_window(params: PoolParams) -> Window:
    """Return the window of a pooling op's keys."""
    kernel = pair(params.kernel)
    return Window(kernel, kernel if params.stride is None else pair(params.stride))


def lowered_window(lowered: Lowered) -> Window:
    """Return the window that a lowered pooling op has in its attributes."""
    return Window(lowered.attrs["kernel"], lowered.attrs["stride"])


def pool_shape(op: str, params: PoolParams, inputs: Sequence[Shape]) -> Shape:
    """Return (channels, out height, out width); the remainder at the end is not read."""
    channels, height, width = expect_image(op, inputs[0])
    return channels, *pool_window(params).outputs((height, width))


def pool_work(kind: str, lowered: Lowered, shape: Shape) -> Work:
    """Return the work of a pooling op: one channel at a time over the window."""
    channels, height, width = shape
    window = lowered_window(lowered)
    (rows, columns), (down, across) = window.kernel, window.stride
    out = window.outputs((height, width))
    return Work(
        kind=kind,
        ports=(Port(height, width * channels),),
        row=Loop(out[0], dy=down),
        column=Loop(out[1], dx=across * channels),
        channel=Loop(channels, dx=1),
        reduce=(Loop(rows, dy=1), Loop(columns, dx=channels)),
    )
