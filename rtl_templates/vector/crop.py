"""Some rows of a tensor."""

from dataclasses import replace

from rtl_templates.arith.requantize import Scale
from rtl_templates.vector.vector_op import VectorOp, pointwise_walk, sum_bits, sum_task

__all__ = ["Crop"]


class Crop(VectorOp):
    """Rows ``first`` to ``first + rows - 1`` of each tensor.

    Bit for bit equal to ``hwgen.ops.crop``.  Latency: the first beat is offered
    ``VectorCore.LATENCY + 1`` cycles after the step that reads it, which starts when row ``first``
    is in the buffer.  Initiation interval: ``rows * row / lanes`` cycles per tensor, or what the
    writer needs for a whole tensor.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    height, row : int
        Rows of a tensor, and elements of one.
    first, rows : int
        The rows to keep.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * x.bits))``
    clear, active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, height, row, first, rows, lanes=1, **keys):
        task = sum_task(x, Scale(0, 0, x.low, x.high))
        super().__init__(
            x=x,
            task=task,
            acc_bits=sum_bits(x, task),
            walk=self.kept_walk(height, row, first, rows, lanes=lanes),
            out_bits=x.bits,
            lanes=lanes,
            **keys,
        )

    @staticmethod
    def kept_walk(height, row, first, rows, *, lanes):
        """Return the walk of the rows that are kept."""
        if lanes < 1 or row % lanes:
            raise ValueError(f"Lanes must divide the {row} elements of a row, not {lanes}")
        if first < 0 or rows < 1 or first + rows > height:
            raise ValueError(f"Rows {first} to {first + rows - 1} are not rows of {height}")
        return replace(
            pointwise_walk(rows, row, lanes=lanes),
            elements=height * row,
            origin=(first * row, 0),
        )
