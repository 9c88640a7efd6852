"""Product of two tensors of one shape."""

from rtl_templates.arith.codes import bits_for
from rtl_templates.vector.vector_core import VectorTask
from rtl_templates.vector.vector_op import VectorOp, pointwise_walk

__all__ = ["Mul"]


class Mul(VectorOp):
    """``y = clamp((((x[0] - zeros[0]) * (x[1] - zeros[1]) * multiplier + half) >> shift) + zero)``.

    Bit for bit equal to ``hwgen.ops.mul``.  Latency: the first beat is offered
    ``VectorCore.LATENCY + 1`` cycles after the second of its steps; a position starts when its
    channels are in the buffers of both inputs.  Initiation interval: ``2 * positions * channels /
    lanes`` cycles per tensor.  Utilisation bound: 1/2, the multipliers scale the first factor and
    then meet the second one.

    Parameters
    ----------
    x : Codes
        Elements of both inputs.
    positions, channels : int
        Pixels or tokens, and channels of the tensors (a vector has 1 position).
    zeros : tuple of int
        Zero point of each input.
    multiplier : int
        Unsigned factor below ``2**16``.
    scale : Scale
    out_bits : int
        Width of a result.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(2)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, positions, channels, zeros, multiplier, scale, lanes=1, **keys):
        if not 0 <= multiplier < 1 << 16:
            raise ValueError(f"A multiplier must be in [0, 2**16), not {multiplier}")
        left, right = ((x.low - zero, x.high - zero) for zero in zeros)
        first = [a * multiplier for a in left]
        ends = [a * b for a in first for b in right]
        task = VectorTask(
            "product",
            (x.signed,) * 2,
            (multiplier,) * 2,
            (scale.half,) * 2,
            scale,
            zeros=tuple(zeros),
        )
        super().__init__(
            x=x,
            task=task,
            acc_bits=bits_for(0, *first, *ends, *(end + scale.half for end in (0, *first, *ends))),
            walk=pointwise_walk(positions, channels, lanes=lanes, ports=2),
            ports=2,
            lanes=lanes,
            **keys,
        )
