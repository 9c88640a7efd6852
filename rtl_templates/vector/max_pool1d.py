"""Max pooling over tokens."""

from rtl_templates.vector.max_pool2d import MaxPool2d

__all__ = ["MaxPool1d"]


class MaxPool1d(MaxPool2d):
    """The largest element of each window of tokens; codes keep their type.

    Bit for bit equal to ``hwgen.ops.max_pool1d``: :class:`MaxPool2d` of one column.
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
    lanes, beat, depth, queue
        See :class:`VectorOp`.

    Members
    -------
    i, o, active, waiting : see :class:`MaxPool2d`.
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
