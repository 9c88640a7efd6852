"""What functions of one element share: results by code, from a table."""

from rtl_templates.arith.codes import bits_for
from rtl_templates.arith.requantize import Scale
from rtl_templates.vector.vector_core import VectorTask
from rtl_templates.vector.vector_op import VectorOp, pointwise_walk

__all__ = ["TableOp"]


class TableOp(VectorOp):
    """``y = table[x - x.low]``.

    Latency: the first beat is offered ``VectorCore.LATENCY + 1`` cycles after the step that reads
    it, which starts when the position's channels are in the buffer.  Initiation interval:
    ``positions * channels / lanes`` cycles per tensor.  Utilisation bound: 1.  Infers a read-only
    memory of ``2**x.bits`` words with a port per lane (:class:`Lookup`).

    Parameters
    ----------
    x : Codes
    positions, channels : int
        Pixels or tokens, and channels of the tensor (a vector has 1 position).
    table : sequence of int
        Results, by code from the smallest one on; ``2**x.bits`` of them.
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

    def __init__(self, *, x, positions, channels, table, lanes=1, **keys):
        if len(table) != 1 << x.bits:
            raise ValueError(f"A table must have {1 << x.bits} words, not {len(table)}")
        low, high = min(table), max(table)
        # Codes from 0 on come first by their raw bits, negative ones after them.
        by_bits = (*table[-x.low :], *table[: -x.low]) if x.low else tuple(table)
        task = VectorTask(
            "table", (x.signed,), (1,), (0,), Scale(0, 0, low, high), table=tuple(by_bits)
        )
        super().__init__(
            x=x,
            task=task,
            acc_bits=bits_for(low, high),
            walk=pointwise_walk(positions, channels, lanes=lanes),
            lanes=lanes,
            **keys,
        )
