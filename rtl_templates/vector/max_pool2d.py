"""Max pooling."""

from rtl_templates.vector.pool import pool_walk
from rtl_templates.vector.vector_op import VectorOp, compare_task

__all__ = ["MaxPool2d"]


class MaxPool2d(VectorOp):
    """The largest element of each window; codes keep their type.

    Bit for bit equal to ``hwgen.ops.max_pool2d``.  Latency: a position starts when its last
    element is in the buffer; a beat is offered ``VectorCore.LATENCY + 1`` cycles after the last
    of its steps, one per element of the window.  Initiation interval: ``positions * channels /
    lanes * kernel elements`` cycles per image.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    height, width, channels : int
        Input image.
    kernel, stride : tuple of int
        (height, width) of the window and of its step; the stride is the kernel by default.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * x.bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, height, width, channels, kernel, stride=None, lanes=1, **keys):
        super().__init__(
            x=x,
            task=compare_task("max", x),
            acc_bits=x.bits + 1,
            walk=pool_walk(
                height, width, channels, kernel=kernel, stride=stride or kernel, lanes=lanes
            ),
            out_bits=x.bits,
            lanes=lanes,
            **keys,
        )
