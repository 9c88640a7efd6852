"""Two-dimensional convolution."""

from rtl_templates.mac.mac_op import MacFold, MacOp
from rtl_templates.memory.walk import Level, Walk

__all__ = ["Conv2d"]


class Conv2d(MacOp):
    """Stride, padding and groups; the window buffer keeps the rows that later positions need.

    For output position (r, c) and channel o, in integers, rounding half up::

        y = clamp((((sum x * weights[o] + biases[o]) * multipliers[o] + half) >> shift) + zero)

    bit for bit equal to ``hwgen.ops.conv2d``.  Latency: a position starts when the last element
    that it touches is in the buffer, its first beat is offered
    ``steps + MacCore.latency(rows * elements)`` cycles later (``steps`` per block of outputs).
    Initiation interval: ``cycles`` per tensor.  Utilisation bound: ``utilisation``; what is
    lost is the fill of the last word of a segment, of the last block, and of padding.

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
    stride : tuple of int
        (down, across).
    padding : tuple
        ((top, bottom), (left, right)), each less than the kernel.
    groups : int
        Divides the input and the output channels.
    fold, pad, beat, depth, queue
        See :class:`MacOp`; without groups a segment is a whole kernel row.

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
        padding=((0, 0), (0, 0)),
        groups=1,
        fold=None,
        **keys,
    ):
        fold = fold or MacFold()
        kernel = len(weights[0][0]), len(weights[0][0][0])
        if channels % groups or len(weights[0]) != channels // groups:
            raise ValueError(
                f"Weights must have {channels} / {groups} input channels, not {len(weights[0])}"
            )
        for sides, size in zip(padding, kernel, strict=True):
            if not 0 <= min(sides) <= max(sides) < size:
                raise ValueError(f"Padding must be in [0, {size}) for this kernel, not {sides}")
        walk = self.window_walk(
            height,
            width,
            channels,
            kernel=kernel,
            outputs=len(weights) // groups,
            stride=stride,
            padding=padding,
            groups=groups,
            fold=fold,
        )
        super().__init__(
            walk=walk,
            weights=[_segments(channel, groups) for channel in weights],
            groups=groups,
            kernel_rows=kernel[0],
            pitch=width * channels,
            fold=fold,
            **keys,
        )

    @staticmethod
    def window_walk(
        height, width, channels, *, kernel, outputs, stride, padding, groups=1, fold=None
    ):
        """Return the walk: rows, columns, groups, blocks; kernel rows, kernel columns, words."""
        fold = fold or MacFold()
        (top, bottom), (left, right) = padding
        out_rows = (height + top + bottom - kernel[0]) // stride[0] + 1
        out_columns = (width + left + right - kernel[1]) // stride[1] + 1
        if out_rows < 1 or out_columns < 1:
            raise ValueError(f"A {kernel} kernel does not fit a {height} x {width} image")
        row = width * channels
        per_group = channels // groups
        # Without groups, the columns of a kernel row are one contiguous segment.
        segment = per_group if groups > 1 else kernel[1] * channels
        columns = Level(kernel[1], 0, channels) if groups > 1 else Level(1)
        rows = Level(kernel[0], row) if fold.rows == 1 else Level(1)
        words = -(-segment // fold.elements)
        steps = rows.count * columns.count * words
        return Walk(
            elements=height * row,
            row=row,
            levels=(
                Level(out_rows, stride[0] * row),
                Level(out_columns, 0, stride[1] * channels),
                Level(groups, 0, per_group if groups > 1 else 0),
                Level(-(-outputs // fold.outputs)),
                rows,
                columns,
                Level(words, 0, fold.elements),
            ),
            group=3,
            origin=(-top * row, -left * channels),
            reach=((kernel[0] - 1) * row, kernel[1] * channels - 1),
            idle=max(0, -(-min(outputs, fold.outputs) // fold.lanes) - steps),
        )


def _segments(weights, groups):
    """Return (input channel, row, column) weights of an output channel as segments."""
    rows, columns = len(weights[0]), len(weights[0][0])
    if groups > 1:
        return [[w[r][c] for w in weights] for r in range(rows) for c in range(columns)]
    return [[w[r][c] for c in range(columns) for w in weights] for r in range(rows)]
