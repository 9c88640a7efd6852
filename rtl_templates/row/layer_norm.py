"""Layer normalisation."""

from rtl_templates.row.norm_core import NormCore, NormTask
from rtl_templates.row.row_core import RowShape
from rtl_templates.row.row_op import RowOp

__all__ = ["LayerNorm", "Normalization"]


class Normalization(RowOp):
    """What layer_norm and rms_norm share; see :class:`LayerNorm`."""

    centered = True

    def __init__(
        self,
        *,
        x,
        rows,
        gains,
        addends,
        scale,
        out_bits,
        zero=0,
        epsilon=0,
        lanes=1,
        **keys,
    ):
        task = NormTask(
            x=x,
            zero=zero,
            features=len(gains),
            centered=self.centered,
            epsilon=epsilon,
            scale=scale,
            gains=tuple(gains),
            addends=tuple(addends),
        )
        core = NormCore(RowShape(lanes=lanes, x_bits=x.bits, out_bits=out_bits), [task])
        super().__init__(core, rows, latency=NormCore.latency(lanes), **keys)


class LayerNorm(Normalization):
    """``y = clamp(((normal * gains[i] + addends[i] + half) >> shift) + zero_point, low, high)``.

    ``normal`` is the element less its row's mean, by the root of ``features**2`` times the
    variance plus ``epsilon``, in ``2**-12``; bit for bit equal to ``hwgen.ops.layer_norm``.
    Latency: a row starts when it is in the buffer; its first beat is offered
    ``beats + NormCore.latency(lanes)`` cycles later, with ``beats = features / lanes``, the others
    one per cycle.  Initiation interval: ``max(beats, NormCore.PERIOD)`` cycles per row.
    Utilisation bound: ``utilisation``, 1 for rows of ``PERIOD`` beats or more.

    Parameters
    ----------
    x : Codes
    rows : int
        Rows of a tensor.
    gains, addends : sequence of int
        Per element of a row: signed factor, and what is added before the shift.
    scale : Scale
    out_bits : int
        Width of a result.
    zero : int
        Code of real zero.
    epsilon : int
        At least 0.
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
