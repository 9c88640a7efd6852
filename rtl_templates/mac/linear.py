"""Fully connected layer."""

from rtl_templates.mac.mac_op import MacFold, MacOp
from rtl_templates.memory.walk import Level, Walk

__all__ = ["Linear"]


class Linear(MacOp):
    """A vector times a matrix: the whole input is one segment.

    In integers, rounding half up::

        y[o] = clamp((((sum x * weights[o] + biases[o]) * multipliers[o] + half) >> shift) + zero)

    bit for bit equal to ``hwgen.ops.linear``.  Latency: it starts when the whole vector is in
    the buffer; the first beat is offered ``steps + MacCore.latency(elements)`` cycles later.
    Initiation interval: ``cycles`` per vector.  Utilisation bound: ``utilisation``.

    Parameters
    ----------
    x : Codes
        Input elements.
    weights : nested sequence of int
        (output, input element in stream order), signed.
    biases, multipliers : sequence of int
        Per output.
    scale : Scale
    out_bits : int
        Width of a result.
    fold, beat, depth, queue
        See :class:`MacOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`MacEngine`.
    """

    def __init__(self, *, weights, fold=None, **keys):
        walk = self.vector_walk(len(weights[0]), outputs=len(weights), fold=fold)
        super().__init__(walk=walk, weights=[[row] for row in weights], fold=fold, **keys)

    @staticmethod
    def vector_walk(elements, *, outputs, fold=None):
        """Return the walk: blocks of outputs, then the words of the vector."""
        fold = fold or MacFold()
        words = -(-elements // fold.elements)
        return Walk(
            elements=elements,
            row=elements,
            levels=(
                *(Level(1), Level(1), Level(1)),
                Level(-(-outputs // fold.outputs)),
                *(Level(1), Level(1)),
                Level(words, 0, fold.elements),
            ),
            group=3,
            reach=(0, elements - 1),
            idle=max(0, -(-min(outputs, fold.outputs) // fold.lanes) - words),
        )
