"""Softmax of rows."""

from rtl_templates.row.row_core import RowShape
from rtl_templates.row.row_op import RowOp
from rtl_templates.row.softmax_core import SoftmaxCore, SoftmaxTask

__all__ = ["Softmax"]


class Softmax(RowOp):
    """``y = clamp(((part * factor + half) >> (shift + k - 15)) + zero_point, low, high)``.

    ``part`` is the element's numerator of 16 bits, ``factor`` and ``k`` those of
    :class:`Reciprocal` for the row's sum; bit for bit equal to ``hwgen.ops.softmax``.  Latency: a
    row starts when it is in the buffer; its first beat is offered
    ``beats + SoftmaxCore.latency(lanes, beats)`` cycles later, with ``beats = features / lanes``,
    the others one per cycle.  Initiation interval: ``max(beats, SoftmaxCore.PERIOD)`` cycles per
    row.  Utilisation bound: ``utilisation``, 1 for rows of ``PERIOD`` beats or more.

    Parameters
    ----------
    x : Codes
    rows, features : int
        Rows of a tensor, elements of a row.
    log : tuple of int
        Multiplier and shift from a code to its base-2 logarithm in 1/64.
    multiplier : int
        Factor of a result in ``2**-16``, below ``2**16``.
    scale : Scale
    out_bits : int
        Width of a result.
    zero : int
        Code of real zero.
    lanes : int
        Elements at once, a power of two that divides a row; also results per beat.
    beat, depth, queue
        See :class:`RowOp`.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
    o : ``Out(stream.Signature(lanes * out_bits))``
    active, waiting : see :class:`RowEngine`.
    """

    def __init__(
        self,
        *,
        x,
        rows,
        features,
        log,
        multiplier,
        scale,
        out_bits,
        zero=0,
        lanes=1,
        **keys,
    ):
        task = SoftmaxTask(
            x=x, zero=zero, features=features, log=log, multiplier=multiplier, scale=scale
        )
        core = SoftmaxCore(RowShape(lanes=lanes, x_bits=x.bits, out_bits=out_bits), [task])
        latency = SoftmaxCore.latency(lanes, features // lanes)
        super().__init__(core, rows, latency=latency, **keys)
