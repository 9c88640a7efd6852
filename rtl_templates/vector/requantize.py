"""Change of precision as an engine of its own."""

from rtl_templates.vector.vector_op import VectorOp, pointwise_walk, sum_bits, sum_task

__all__ = ["Requantize"]


class Requantize(VectorOp):
    """``y = clamp(((x * multiplier + offset + half) >> shift) + zero_point, low, high)``.

    Bit for bit equal to ``hwgen.ops.requantize``.  Latency: the first beat is offered
    ``VectorCore.LATENCY + 1`` cycles after the step that reads it, which starts when the
    position's channels are in the buffer.  Initiation interval: ``positions * channels /
    lanes`` cycles per tensor.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    positions, channels : int
        Pixels and channels of the tensor (a vector has 1 position).
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

    def __init__(self, *, x, positions, channels, multiplier, scale, offset=0, lanes=1, **keys):
        task = sum_task(x, scale, (multiplier,), (offset,))
        super().__init__(
            x=x,
            task=task,
            acc_bits=sum_bits(x, task),
            walk=pointwise_walk(positions, channels, lanes=lanes),
            lanes=lanes,
            **keys,
        )
