"""Hadamard transform of rows."""

from rtl_templates.row.hadamard_core import HadamardCore, HadamardTask
from rtl_templates.row.row_core import RowShape
from rtl_templates.row.row_op import RowOp

__all__ = ["Hadamard"]


class Hadamard(RowOp):
    """``y = clamp((sum(+-x) * multiplier + half >> shift) + zero_point, low, high)``.

    Bit for bit equal to ``hwgen.ops.hadamard``.  Latency: a row starts when it is in the buffer;
    its first beat is offered ``beats + HadamardCore.latency(lanes, features)`` cycles later, with
    ``beats = features / lanes``, the others one per cycle.  Initiation interval: ``beats`` cycles
    per row.  Utilisation bound: ``utilisation``, 1: rows follow one another without a gap.

    Parameters
    ----------
    x : Codes
    rows : int
        Rows of a tensor.
    signs : sequence of int
        1 or -1 per element of a row; ``2**k``, ``12 * 2**k`` or ``20 * 2**k`` elements.
    multiplier : int
        Final factor, 4 to 7.
    scale : Scale
    out_bits : int
        Width of a result.
    zero : int
        Code of real zero.
    lanes : int
        Elements at once, a power of two that divides ``2**k``; also results per beat.
    beat, depth, queue
        See :class:`RowOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`RowEngine`.
    """

    def __init__(self, *, x, rows, signs, multiplier, scale, out_bits, zero=0, lanes=1, **keys):
        task = HadamardTask(x=x, zero=zero, signs=tuple(signs), multiplier=multiplier, scale=scale)
        core = HadamardCore(RowShape(lanes=lanes, x_bits=x.bits, out_bits=out_bits), [task])
        latency = HadamardCore.latency(lanes, len(signs))
        super().__init__(core, rows, latency=latency, **keys)
