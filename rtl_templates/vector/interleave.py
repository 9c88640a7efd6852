"""Rows or columns of several images in turn."""

from rtl_templates.vector.concat import Concat

__all__ = ["Interleave"]


class Interleave(Concat):
    """Per row of an image, or column, those of each input in order, brought to one type.

    Bit for bit equal to ``hwgen.ops.interleave``: :class:`Concat` with a row of an image for the
    channels of a position, or as it is for columns.  Latency: a beat is offered
    ``VectorCore.LATENCY + 1`` cycles after the step that reads it.  Initiation interval:
    ``height * width * channels * inputs / lanes`` cycles per tensor.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
        Elements of every input.
    height, width, channels : int
        Each input image.
    axis : str
        ``rows`` or ``columns``: what comes in turn.
    multipliers, offsets, scale, out_bits, lanes, beat, depth, queue
        See :class:`Concat`.

    Members
    -------
    i, o, active, waiting : see :class:`Concat`.
    """

    def __init__(self, *, height, width, channels, multipliers, axis="rows", **keys):
        if axis not in ("rows", "columns"):
            raise ValueError(f"Rows or columns come in turn, not {axis}")
        positions, run = (
            (height, width * channels) if axis == "rows" else (height * width, channels)
        )
        super().__init__(
            positions=positions, channels=[run] * len(multipliers), multipliers=multipliers, **keys
        )
