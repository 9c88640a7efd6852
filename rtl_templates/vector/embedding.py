"""Rows of a table by id."""

from rtl_templates.arith.codes import bits_for
from rtl_templates.arith.requantize import Scale
from rtl_templates.memory.walk import Level, Walk
from rtl_templates.vector.vector_core import VectorTask
from rtl_templates.vector.vector_op import VectorOp

__all__ = ["Embedding"]


class Embedding(VectorOp):
    """``y[t] = clamp(rows[id[t]] + positions[t])``; an id beyond the table counts as its last.

    Bit for bit equal to ``hwgen.ops.embedding``.  Latency: the first beat of a token is offered
    ``VectorCore.LATENCY + 1`` cycles after the step that reads its id.  Initiation interval:
    ``tokens * features / lanes`` cycles per tensor.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
        Ids, unsigned.
    tokens : int
        Ids of a tensor.
    rows : RowTable
        Features of each id.
    out_bits : int
        Width of a result.
    lanes : int
        Divides the features.
    beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, tokens, rows, lanes=1, **keys):
        if x.signed:
            raise ValueError("Ids must be unsigned")
        task = VectorTask(
            "rows", (False,), (1,), (0,), Scale(0, 0, rows.low, rows.high), rows=rows, count=tokens
        )
        super().__init__(
            x=x,
            task=task,
            acc_bits=bits_for(rows.low, rows.high),
            walk=self.ids_walk(tokens, len(rows.rows[0]), lanes),
            lanes=lanes,
            **keys,
        )

    @staticmethod
    def ids_walk(tokens, features, lanes):
        """Return the walk: an id a row, read again for each beat of its features."""
        return Walk(
            elements=tokens,
            row=1,
            levels=(Level(tokens, 1), Level(1), Level(features // lanes), Level(1), Level(1)),
            group=2,
        )
