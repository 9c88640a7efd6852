"""Nearest-neighbour up-sampling of sequences."""

from rtl_templates.arith.requantize import Scale
from rtl_templates.memory.walk import Level, Walk
from rtl_templates.vector.vector_op import VectorOp, sum_bits, sum_task

__all__ = ["Upsample1d"]


class Upsample1d(VectorOp):
    """Each token ``factor`` times; the window buffer holds it meanwhile.

    Bit for bit equal to ``hwgen.ops.upsample1d``.  Latency: a token starts when it is in the
    buffer; a beat is offered ``VectorCore.LATENCY + 1`` cycles after its step.  Initiation
    interval: ``tokens * factor * features / lanes`` cycles per sequence.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    tokens, features : int
        Input sequence.
    factor : int
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * x.bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, tokens, features, factor, lanes=1, **keys):
        if lanes < 1 or features % lanes:
            raise ValueError(f"Lanes must divide the {features} features, not {lanes}")
        task = sum_task(x, Scale(0, 0, x.low, x.high))
        super().__init__(
            x=x,
            task=task,
            acc_bits=sum_bits(x, task),
            walk=Walk(
                elements=tokens * features,
                row=features,
                levels=(
                    Level(tokens, features),
                    Level(factor),
                    Level(features // lanes, 0, lanes),
                    Level(1),
                    Level(1),
                ),
                group=2,
                reach=(0, features - 1),
            ),
            out_bits=x.bits,
            lanes=lanes,
            **keys,
        )
