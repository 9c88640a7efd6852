"""Average pooling."""

from rtl_templates.vector.pool import pool_walk
from rtl_templates.vector.vector_op import VectorOp, sum_bits, sum_task

__all__ = ["AvgPool2d"]


class AvgPool2d(VectorOp):
    """The scaled sum of each window; a mean, if the multiplier divides by its elements.

    ``y = clamp(((sum x * multiplier + offset + half) >> shift) + zero_point, low, high)``, bit
    for bit equal to ``hwgen.ops.avg_pool2d``.  Latency: a position starts when its last element
    is in the buffer; a beat is offered ``VectorCore.LATENCY + 1`` cycles after the last of its
    steps, one per element of the window.  Initiation interval: ``positions * channels / lanes *
    kernel elements`` cycles per image.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    height, width, channels : int
        Input image.
    kernel, stride : tuple of int
        (height, width) of the window and of its step; the stride is the kernel by default.
    multiplier, offset : int
        Unsigned factor below ``2**16``; what folds the input's zero point.
    scale : Scale
    out_bits : int
        Width of a result.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(
        self,
        *,
        x,
        height,
        width,
        channels,
        kernel,
        multiplier,
        scale,
        stride=None,
        offset=0,
        lanes=1,
        **keys,
    ):
        task = sum_task(x, scale, (multiplier,), (offset,))
        super().__init__(
            x=x,
            task=task,
            acc_bits=sum_bits(x, task, terms=kernel[0] * kernel[1]),
            walk=pool_walk(
                height, width, channels, kernel=kernel, stride=stride or kernel, lanes=lanes
            ),
            lanes=lanes,
            **keys,
        )
