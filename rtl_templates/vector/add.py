"""Sum of tensors of one shape."""

from rtl_templates.vector.vector_op import VectorOp, pointwise_walk, sum_bits, sum_task

__all__ = ["Add"]


class Add(VectorOp):
    """``y = clamp(((sum x[k] * multipliers[k] + offset + half) >> shift) + zero_point)``.

    Bit for bit equal to ``hwgen.ops.add``.  Latency: the first beat is offered
    ``VectorCore.LATENCY + 1`` cycles after the last of its steps, one per input; a position
    starts when its channels are in the buffers of all inputs.  Initiation interval:
    ``inputs * positions * channels / lanes`` cycles per tensor.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
        Elements of every input.
    positions, channels : int
        Pixels and channels of the tensors (a vector has 1 position).
    multipliers : sequence of int
        Unsigned factor per input, below ``2**16``; as many as there are inputs, at least 2.
    offset : int
        What folds the zero points of all inputs.
    scale : Scale
    out_bits : int
        Width of a result.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(inputs)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, positions, channels, multipliers, scale, offset=0, lanes=1, **keys):
        ports = len(multipliers)
        if ports < 2:
            raise ValueError(f"A sum must have at least 2 inputs, not {ports}")
        task = sum_task(x, scale, multipliers, (offset,) * ports)
        super().__init__(
            x=x,
            task=task,
            acc_bits=sum_bits(x, task, together=True),
            walk=pointwise_walk(positions, channels, lanes=lanes, ports=ports),
            ports=ports,
            lanes=lanes,
            **keys,
        )
