"""Nearest-neighbour up-sampling along one axis."""

from rtl_templates.arith.requantize import Scale
from rtl_templates.memory.walk import Level, Walk
from rtl_templates.vector.vector_op import VectorOp, sum_bits, sum_task

__all__ = ["Upsample1d"]


class Upsample1d(VectorOp):
    """Each run of a stream ``factor`` times; the window buffer holds it meanwhile.

    A run is a token of a sequence, or a row or a column of an image.

    Bit for bit equal to ``hwgen.ops.upsample1d``.  Latency: a run starts when it is in the
    buffer; a beat is offered ``VectorCore.LATENCY + 1`` cycles after its step.  Initiation
    interval: ``runs * factor * elements / lanes`` cycles per tensor.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    runs, elements : int
        Runs of the input, and the elements of each.
    factor : int
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * x.bits))``
    active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, runs, elements, factor, lanes=1, **keys):
        if lanes < 1 or elements % lanes:
            raise ValueError(f"Lanes must divide the {elements} elements, not {lanes}")
        task = sum_task(x, Scale(0, 0, x.low, x.high))
        super().__init__(
            x=x,
            task=task,
            acc_bits=sum_bits(x, task),
            walk=Walk(
                elements=runs * elements,
                row=elements,
                levels=(
                    Level(runs, elements),
                    Level(factor),
                    Level(elements // lanes, 0, lanes),
                    Level(1),
                    Level(1),
                ),
                group=2,
                reach=(0, elements - 1),
            ),
            out_bits=x.bits,
            lanes=lanes,
            **keys,
        )
