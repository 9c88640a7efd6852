"""Two-dimensional convolution."""

from rtl_templates.conv.window_op import WindowOp, Windows, padded_positions

__all__ = ["Conv2d"]


class Conv2d(WindowOp):
    """Stride, dilation, padding, groups; the window buffer keeps the rows that are still needed.

    For output position (r, c) and channel o, in integers, rounding half up::

        y = clamp((((sum x * weights[o] + biases[o]) * multipliers[o] + half) >> shift) + zero)

    bit for bit equal to ``hwgen.ops.conv2d``.  Latency: a position starts when the last element
    that it touches is in the buffer, its first beat is offered
    ``steps + MacCore.latency(rows * elements)`` cycles later (``steps`` per block of outputs).
    Initiation interval: ``cycles`` per tensor.  Steps that lie in padding as a whole take no
    cycle if ``pad`` is 0 and the beats of a group leave in time.  Utilisation bound:
    ``utilisation``; what is lost is the fill of the last word of a segment, of the last block,
    and of words that padding takes a part of.

    Parameters
    ----------
    x : Codes
        Input elements.
    height, width, channels : int
        Input image; streamed row by row, channels fastest.
    weights : nested sequence of int
        (output channel, input channel of its group, kernel row, kernel column), signed.
    biases, multipliers : sequence of int
        Per output channel.
    scale : Scale
    out_bits : int
        Width of a result.
    stride, dilation : tuple of int
        (down, across): between windows, and between the elements of a window.
    padding : tuple
        ((top, bottom), (left, right)), each less than the window is long.
    reflect : bool
        Padding reads as the image mirrored at its edges, not as ``pad``; no step is skipped then.
    groups : int
        Divides the input and the output channels.
    fold, pad, beat, depth, queue
        See :class:`MacOp`; without groups and dilation a segment is a whole kernel row.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
        The image; the first element of a beat in the low bits.
    o : ``Out(stream.Signature(lanes * out_bits))``
        The result, in the same order.
    active, waiting : see :class:`MacEngine`.
    """

    def __init__(
        self,
        *,
        height,
        width,
        channels,
        weights,
        stride=(1, 1),
        dilation=(1, 1),
        padding=((0, 0), (0, 0)),
        reflect=False,
        groups=1,
        **keys,
    ):
        kernel = len(weights[0][0]), len(weights[0][0][0])
        axes = zip((height, width), kernel, stride, dilation, padding, strict=True)
        windows = Windows(
            (height, width, channels),
            kernel,
            tuple(padded_positions(*axis, reflect=reflect) for axis in axes),
            origin=(-padding[0][0], -padding[1][0]),
            stride=stride,
            dilation=dilation,
            groups=groups,
            reflect=tuple(reflect and any(sides) for sides in padding),
        )
        super().__init__(windows, weights, **keys)
