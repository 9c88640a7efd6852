"""The mean of each channel."""

from rtl_templates.vector.avg_pool2d import AvgPool2d

__all__ = ["GlobalAvgPool"]


class GlobalAvgPool(AvgPool2d):
    """The scaled sum of each channel; a mean, if the multiplier divides by the positions.

    Bit for bit equal to ``hwgen.ops.global_avg_pool``: :class:`AvgPool2d` with one window.
    Latency: it starts when the whole tensor is in the buffer; a beat is offered
    ``VectorCore.LATENCY + 1`` cycles after the last of its ``height * width`` steps.  Initiation
    interval: ``channels / lanes * height * width`` cycles.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    height, width, channels : int
        Input image; of a sequence the tokens, 1 and the features.
    multiplier, offset, scale, out_bits : see :class:`AvgPool2d`.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i, o, active, waiting : see :class:`AvgPool2d`.
    """

    def __init__(self, *, height, width, channels, **keys):
        super().__init__(
            height=height, width=width, channels=channels, kernel=(height, width), **keys
        )
