"""One row phase of a transposed two-dimensional convolution."""

from rtl_templates.conv.window_op import WindowOp, Windows

__all__ = ["ConvPhase2d"]


class ConvPhase2d(WindowOp):
    """A convolution whose results are the column phases of a position, one after the other.

    The zeros of an up-sampled input are never read: each phase has its own part of the kernel.
    With two halves, the second half of the phases looks one column further than the first.  In
    integers, rounding half up, for each position, phase and output o::

        y = clamp((((sum x * weights[o] + biases[o]) * multipliers[o] + half) >> shift) + zero)

    bit for bit equal to ``hwgen.ops.conv_phase2d``.  Latency: a position starts when the last
    element that it touches is in the buffer, its first beat is offered
    ``steps + MacCore.latency(rows * elements)`` cycles later (``steps`` per block of outputs).
    Initiation interval: ``cycles`` per tensor; steps in padding take no cycle if ``pad`` is 0 and
    the beats of a group leave in time.  Utilisation bound: ``utilisation``; taps that a phase
    lacks have zero weights, and count as useful.

    Parameters
    ----------
    x : Codes
        Input elements.
    height, width, channels : int
        Input image; streamed row by row, channels fastest.
    weights : nested sequence of int
        (phase and output channel, input channel of its group, kernel row, tap), signed; rows from
        the top.
    biases, multipliers : sequence of int
        Per phase and output channel.
    scale : Scale
    out_bits : int
        Width of a result.
    rows, columns : int
        Positions: rows of the result, and its columns divided by the phases.
    first : tuple of int
        (row, column) of the first weight at the first position.
    halves : int
        1 or 2.
    groups : int
        Divides the input and the output channels; more than 1 only with one phase.
    fold, pad, beat, depth, queue
        See :class:`MacOp`; a segment is a kernel row, with groups a tap's channels of one.

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
        rows,
        columns,
        first=(0, 0),
        halves=1,
        groups=1,
        **keys,
    ):
        if halves not in (1, 2):
            raise ValueError(f"Halves must be 1 or 2, not {halves}")
        windows = Windows(
            (height, width, channels),
            (len(weights[0][0]), len(weights[0][0][0])),
            (rows, columns),
            origin=first,
            halves=(0, halves - 1),
            groups=groups,
        )
        super().__init__(windows, weights, **keys)
