"""Rectified linear unit."""

from rtl_templates.arith.requantize import Scale
from rtl_templates.vector.vector_op import VectorOp, pointwise_walk, sum_bits, sum_task

__all__ = ["Relu"]


class Relu(VectorOp):
    """``y = max(x, zero_point)``; codes keep their type.

    Bit for bit equal to ``hwgen.ops.relu``.  Latency: the first beat is offered
    ``VectorCore.LATENCY + 1`` cycles after the step that reads it, which starts when the
    position's channels are in the buffer.  Initiation interval: ``positions * channels /
    lanes`` cycles per tensor.  Utilisation bound: 1, every lane works in every step.

    Parameters
    ----------
    x : Codes
    positions, channels : int
        Pixels and channels of the tensor (a vector has 1 position).
    zero_point : int
        Code of zero.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * x.bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, positions, channels, zero_point=0, lanes=1, **keys):
        task = sum_task(x, Scale(0, 0, zero_point, x.high))
        super().__init__(
            x=x,
            task=task,
            acc_bits=sum_bits(x, task),
            walk=pointwise_walk(positions, channels, lanes=lanes),
            out_bits=x.bits,
            lanes=lanes,
            **keys,
        )
