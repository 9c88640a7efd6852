"""One-dimensional convolution over the tokens of a sequence."""

from rtl_templates.conv.window_op import WindowOp, Windows, as_columns, padded_positions

__all__ = ["Conv1d"]


class Conv1d(WindowOp):
    """Stride, dilation, padding and groups; the window buffer keeps the tokens still needed.

    For output token t and output o, in integers, rounding half up::

        y = clamp((((sum x * weights[o] + biases[o]) * multipliers[o] + half) >> shift) + zero)

    bit for bit equal to ``hwgen.ops.conv1d``.  Latency: a token starts when the last one that
    its window touches is in the buffer, its first beat is offered
    ``steps + MacCore.latency(rows * elements)`` cycles later (``steps`` per block of outputs).
    Initiation interval: ``cycles`` per tensor.  Taps in padding take no cycle if ``pad`` is 0,
    the beats of a group leave in time, and taps are not read at once.  Utilisation bound:
    ``utilisation``; what is lost is the fill of the last word of a tap and of the last block.

    Parameters
    ----------
    x : Codes
        Input elements.
    tokens, features : int
        Input sequence; streamed token by token.
    weights : nested sequence of int
        (output, feature of its group, tap), signed.
    biases, multipliers : sequence of int
        Per output.
    scale : Scale
    out_bits : int
        Width of a result.
    stride, dilation : int
        Tokens between windows, and between the taps of a window.
    padding : tuple
        Tokens (before, after), each less than the window is long.
    reflect : bool
        Padding reads as the sequence mirrored at its ends, not as ``pad``; no tap is skipped then.
    groups : int
        Divides the features and the outputs.
    fold, pad, beat, depth, queue
        See :class:`MacOp`; a segment is a tap, ``rows`` counts taps.

    Members
    -------
    i : ``In(stream.Signature(beat * x.bits)).array(1)``
        The sequence; the first element of a beat in the low bits.
    o : ``Out(stream.Signature(lanes * out_bits))``
        The result, in the same order.
    active, waiting : see :class:`MacEngine`.
    """

    def __init__(
        self,
        *,
        tokens,
        features,
        weights,
        stride=1,
        dilation=1,
        padding=(0, 0),
        reflect=False,
        groups=1,
        **keys,
    ):
        taps = len(weights[0][0])
        positions = padded_positions(tokens, taps, stride, dilation, padding, reflect=reflect)
        windows = Windows(
            (tokens, 1, features),
            (taps, 1),
            (positions, 1),
            origin=(-padding[0], 0),
            stride=(stride, 0),
            dilation=(dilation, 0),
            groups=groups,
            reflect=(reflect and any(padding), False),
        )
        super().__init__(windows, as_columns(weights), **keys)
