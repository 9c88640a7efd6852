"""Fully connected layer."""

from rtl_templates.mac.mac_op import MacFold, MacOp
from rtl_templates.memory.walk import Level, Walk

__all__ = ["Linear"]


class Linear(MacOp):
    """Each token of a sequence, or one vector, times a matrix: a token is one segment.

    In integers, rounding half up::

        y[o] = clamp((((sum x * weights[o] + biases[o]) * multipliers[o] + half) >> shift) + zero)

    bit for bit equal to ``hwgen.ops.linear``.  Latency: it starts when a whole token is in the
    buffer; its first beat is offered ``steps + MacCore.latency(elements)`` cycles later, where
    ``steps`` lead to one block of outputs.  Initiation interval: ``cycles`` per tensor.
    Utilisation bound: ``utilisation``.

    Parameters
    ----------
    x : Codes
        Input elements.
    weights : nested sequence of int
        (output, element of a token in stream order), signed.
    biases, multipliers : sequence of int
        Per output.
    scale : Scale
    out_bits : int
        Width of a result.
    tokens : int
        Rows of the input, each multiplied by the same weights.
    fold, beat, depth, queue
        See :class:`MacOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`MacEngine`.
    """

    def __init__(self, *, weights, tokens=1, fold=None, **keys):
        walk = self.token_walk(len(weights[0]), tokens=tokens, outputs=len(weights), fold=fold)
        super().__init__(walk=walk, weights=[[row] for row in weights], fold=fold, **keys)

    @staticmethod
    def token_walk(elements, *, outputs, tokens=1, fold=None):
        """Return the walk: tokens, blocks of outputs, then the words of the token."""
        fold = fold or MacFold()
        words = -(-elements // fold.elements)
        return Walk(
            elements=tokens * elements,
            row=elements,
            levels=(
                *(Level(tokens, elements), Level(1), Level(1)),
                Level(-(-outputs // fold.outputs)),
                *(Level(1), Level(1)),
                Level(words, 0, fold.elements),
            ),
            group=3,
            reach=(0, elements - 1),
            idle=max(0, -(-min(outputs, fold.outputs) // fold.lanes) - words),
        )
