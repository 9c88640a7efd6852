"""Average pooling over tokens."""

from rtl_templates.vector.avg_pool2d import AvgPool2d

__all__ = ["AvgPool1d"]


class AvgPool1d(AvgPool2d):
    """The scaled sum of each window of tokens; a mean, if the multiplier divides by them.

    Bit for bit equal to ``hwgen.ops.avg_pool1d``: :class:`AvgPool2d` of one column.
    Latency: a position starts when its last token is in the buffer; a beat is offered
    ``VectorCore.LATENCY + 1`` cycles after its last step, one per token.  Initiation interval:
    ``positions * features / lanes * kernel`` cycles per sequence.  Utilisation bound: 1.

    Parameters
    ----------
    x : Codes
    tokens, features : int
        Input sequence.
    kernel, stride : int
        Tokens of a window and of its step; the stride is the kernel by default.
    multiplier, offset, scale, out_bits : see :class:`AvgPool2d`.
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i, o, active, waiting : see :class:`AvgPool2d`.
    """

    def __init__(self, *, tokens, features, kernel, stride=None, **keys):
        super().__init__(
            height=tokens,
            width=1,
            channels=features,
            kernel=(kernel, 1),
            stride=(stride or kernel, 1),
            **keys,
        )
