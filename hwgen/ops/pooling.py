"""What max and average pooling share: keys, shape, work."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from hwgen.ops.base import Lowered, OpParams, Shape
from hwgen.ops.params import Pair, Size2d, expect_image, pair
from hwgen.ops.window import output_size
from hwgen.ops.work import Loop, Port, Work

__all__ = ["NO_PADS", "PoolParams", "pool_shape", "pool_window", "pool_work"]

NO_PADS = ((0, 0), (0, 0))


class PoolParams(OpParams):
    """Spec keys of the pooling ops."""

    kernel: Size2d = Field(description="window size: one number or [height, width]")
    stride: Size2d | None = Field(
        None, description="step of the window: one number or [height, width]; default: the kernel"
    )


def pool_window(params: PoolParams) -> tuple[Pair, Pair]:
    """Return (kernel, stride)."""
    kernel = pair(params.kernel)
    return kernel, kernel if params.stride is None else pair(params.stride)


def pool_shape(op: str, params: PoolParams, inputs: Sequence[Shape]) -> Shape:
    """Return (channels, out height, out width); the remainder at the end is not read."""
    channels, height, width = expect_image(op, inputs[0])
    kernel, stride = pool_window(params)
    return channels, *output_size((height, width), kernel, stride, NO_PADS)


def pool_work(kind: str, lowered: Lowered, shape: Shape) -> Work:
    """Return the work of a pooling op: one channel at a time over the window."""
    channels, height, width = shape
    kernel, stride = lowered.attrs["kernel"], lowered.attrs["stride"]
    out = output_size((height, width), kernel, stride, NO_PADS)
    return Work(
        kind=kind,
        ports=(Port(height, width * channels),),
        row=Loop(out[0], dy=stride[0]),
        column=Loop(out[1], dx=stride[1] * channels),
        channel=Loop(channels, dx=1),
        reduce=(Loop(kernel[0], dy=1), Loop(kernel[1], dx=channels)),
    )
