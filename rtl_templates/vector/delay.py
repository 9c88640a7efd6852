"""Rows that leave later than they came."""

from dataclasses import replace

from rtl_templates.arith.requantize import Scale
from rtl_templates.vector.vector_op import VectorOp, pointwise_walk, sum_bits, sum_task

__all__ = ["Delay"]


class Delay(VectorOp):
    """Each row of a sequence of tensors, ``late`` rows later; codes of zero before the first.

    Bit for bit equal to ``hwgen.ops.delay``.  The window buffer keeps the last ``late`` rows of the
    tensors before.  Latency: the first beat is offered ``VectorCore.LATENCY + 1`` cycles after the
    step that reads it, which starts when the tensor's row is in the buffer.  Initiation interval:
    ``rows * row / lanes`` cycles per tensor.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    rows, row : int
        Rows of a tensor, and elements of one.
    late : int
        Rows that the result is behind.
    zero_point : int
        Code of zero.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * x.bits))``
    clear, active, waiting : see :class:`VectorEngine`.
    """

    def __init__(self, *, x, rows, row, late, zero_point=0, lanes=1, **keys):
        task = sum_task(x, Scale(0, 0, x.low, x.high))
        super().__init__(
            x=x,
            task=replace(task, pad=zero_point),
            acc_bits=sum_bits(x, task),
            walk=self.late_walk(rows, row, late, lanes=lanes),
            out_bits=x.bits,
            lanes=lanes,
            **keys,
        )

    @staticmethod
    def late_walk(rows, row, late, *, lanes):
        """Return the walk of as many rows as a tensor has, from its history on."""
        if lanes < 1 or row % lanes:
            raise ValueError(f"Lanes must divide the {row} elements of a row, not {lanes}")
        if late < 1:
            raise ValueError(f"A delay has at least one row, not {late}")
        return replace(
            pointwise_walk(rows, row, lanes=lanes),
            elements=(late + rows) * row,
            history=late * row,
            missing=late * row,
        )
