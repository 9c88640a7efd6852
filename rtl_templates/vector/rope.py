"""Rotary position embedding."""

from rtl_templates.arith.codes import bits_for
from rtl_templates.memory.walk import Level, Walk
from rtl_templates.vector.vector_core import VectorTask
from rtl_templates.vector.vector_op import VectorOp

__all__ = ["Rope"]


class Rope(VectorOp):
    """``a * cos - b * sin`` and ``a * sin + b * cos`` of the pairs of each head, rounded once.

    Bit for bit equal to ``hwgen.ops.rope``.  Latency: the first beat is offered
    ``VectorCore.LATENCY + 1`` cycles after the second of its steps; a head starts when it is in
    the buffer.  Initiation interval: ``2 * elements / lanes`` cycles per tensor, a step for each
    of the two products of a result.  Utilisation bound: 1.  State: :class:`Turns`.

    Parameters
    ----------
    x : Codes
    turn : Turn
    zero : int
        Zero point of the input.
    scale : Scale
        ``shift`` brings sines of ``2**15`` back to 1.
    out_bits : int
        Width of a result.
    lanes : int
        Divides the pairs of a head; 1 if they are interleaved.
    beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, turn, scale, zero=0, lanes=1, **keys):
        if turn.interleaved and lanes != 1:
            raise ValueError(f"Interleaved pairs take 1 lane, not {lanes}")
        most = 2 * max(turn.sine) * max(x.high - zero, zero - x.low)
        task = VectorTask("turn", (x.signed,), (1,), (scale.half,), scale, zeros=(zero,), turn=turn)
        super().__init__(
            x=x,
            task=task,
            acc_bits=bits_for(-most, most + scale.half),
            walk=self.pairs_walk(turn, lanes),
            lanes=lanes,
            **keys,
        )

    @staticmethod
    def pairs_walk(turn, lanes):
        """Return the walk: a head a row, and both elements of a pair for each of its results."""
        pairs = len(turn.steps)
        heads = turn.tokens * turn.heads
        inner = (Level(2), Level(pairs // lanes, 0, lanes), Level(2, 0, pairs))
        if turn.interleaved:
            inner = (Level(pairs, 0, 2), Level(2), Level(2, 0, 1))
        return Walk(
            elements=2 * pairs * heads,
            row=2 * pairs,
            levels=(Level(heads, 2 * pairs), *inner, Level(1)),
            group=2,
            reach=(0, 1 if turn.interleaved else 2 * pairs - 1),
        )
