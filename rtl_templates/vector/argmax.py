"""Index of the largest element of a vector."""

from rtl_templates.memory.walk import Level, Walk
from rtl_templates.vector.vector_op import VectorOp, compare_task

__all__ = ["Argmax"]


class Argmax(VectorOp):
    """The index of the largest element, the lowest one of equals.

    Bit for bit equal to ``hwgen.ops.argmax``.  Latency: it starts when the whole vector is in
    the buffer; the index is offered ``elements + VectorCore.LATENCY`` cycles later.
    Initiation interval: ``elements`` cycles per vector.  Utilisation bound: 1 (one lane).

    Parameters
    ----------
    x : Codes
    elements : int
        Of the vector.
    beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(out_bits))``
        ``out_bits`` is what an index needs, at least 2.
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, elements, **keys):
        out_bits = max(2, (elements - 1).bit_length())
        super().__init__(
            x=x,
            task=compare_task("argmax", x, (1 << out_bits) - 1),
            acc_bits=x.bits + 1,
            walk=self.scan_walk(elements),
            out_bits=out_bits,
            **keys,
        )

    @staticmethod
    def scan_walk(elements):
        """Return the walk: one group of all elements."""
        return Walk(
            elements=elements,
            row=elements,
            levels=(Level(1), Level(1), Level(1), Level(elements, 0, 1), Level(1)),
            group=2,
            reach=(0, elements - 1),
        )
