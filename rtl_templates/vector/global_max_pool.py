"""The largest element of each channel."""

from rtl_templates.vector.max_pool2d import MaxPool2d

__all__ = ["GlobalMaxPool"]


class GlobalMaxPool(MaxPool2d):
    """The largest element of each channel; codes keep their type.

    Bit for bit equal to ``hwgen.ops.global_max_pool``: :class:`MaxPool2d` with one window.
    Latency: it starts when the whole tensor is in the buffer; a beat is offered
    ``VectorCore.LATENCY + 1`` cycles after the last of its ``height * width`` steps.  Initiation
    interval: ``channels / lanes * height * width`` cycles.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    height, width, channels : int
        Input image; of a sequence the tokens, 1 and the features.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i, o, active, waiting : see :class:`MaxPool2d`.
    """

    def __init__(self, *, height, width, channels, **keys):
        super().__init__(
            height=height, width=width, channels=channels, kernel=(height, width), **keys
        )
