"""One-dimensional transposed convolution over the tokens of a sequence."""

from rtl_templates.conv.window_op import WindowOp, Windows, as_columns

__all__ = ["ConvTranspose1d"]


class ConvTranspose1d(WindowOp):
    """A convolution whose results are the phases of a position, one after the other.

    The zeros of an up-sampled input are never read: each phase has its own part of the kernel.
    With two halves, the second half of the phases looks one token further than the first.  In
    integers, rounding half up, for position q and phase and output o::

        y = clamp((((sum x * weights[o] + biases[o]) * multipliers[o] + half) >> shift) + zero)

    bit for bit equal to ``hwgen.ops.conv_transpose1d``.  Latency: a position starts when the last
    token that it touches is in the buffer, its first beat is offered
    ``steps + MacCore.latency(rows * elements)`` cycles later (``steps`` per block of outputs).
    Initiation interval: ``cycles`` per tensor; without halves, taps in padding take no cycle if
    ``pad`` is 0, the beats of a group leave in time, and taps are not read at once.  Utilisation
    bound: ``utilisation``; taps that a phase lacks have zero weights, and count as useful.

    Parameters
    ----------
    x : Codes
        Input elements.
    tokens, features : int
        Input sequence; streamed token by token.
    weights : nested sequence of int
        (phase and output, feature, tap), signed; the output is the faster one.
    biases, multipliers : sequence of int
        Per phase and output.
    scale : Scale
    out_bits : int
        Width of a result.
    positions : int
        Tokens of the result divided by the phases.
    first : int
        Token of tap 0, relative to the position.
    halves : int
        1 or 2.
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

    def __init__(self, *, tokens, features, weights, positions, first=0, halves=1, **keys):
        if halves not in (1, 2):
            raise ValueError(f"Halves must be 1 or 2, not {halves}")
        windows = Windows(
            (tokens, 1, features),
            (len(weights[0][0]), 1),
            (positions, 1),
            origin=(first, 0),
            stride=(1, 0),
            dilation=(1, 0),
            halves=(halves - 1, 0),
        )
        super().__init__(windows, as_columns(weights), **keys)
