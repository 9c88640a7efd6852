"""Two-dimensional convolution."""

from rtl_templates.conv.padding import real_taps, real_words, skip_padding
from rtl_templates.mac.mac_op import MacFold, MacOp
from rtl_templates.memory.walk import Level, Walk

__all__ = ["Conv2d"]


class Conv2d(MacOp):
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
        fold=None,
        **keys,
    ):
        fold = fold or MacFold()
        kernel = len(weights[0][0]), len(weights[0][0][0])
        if channels % groups or len(weights[0]) != channels // groups:
            raise ValueError(
                f"Weights must have {channels} / {groups} input channels, not {len(weights[0])}"
            )
        for sides, taps, apart in zip(padding, kernel, dilation, strict=True):
            size = (taps - 1) * apart + 1
            if not 0 <= min(sides) <= max(sides) < size:
                raise ValueError(f"Padding must be in [0, {size}) for this kernel, not {sides}")
        for sides, size in zip(padding, (height, width), strict=True):
            if reflect and max(sides) >= size:
                raise ValueError(f"Padding of {max(sides)} reflects more than {size} elements")
        reflect = reflect and any(map(any, padding))
        if reflect and fold.rows > 1:
            raise ValueError("Reflected rows are not read together")
        skip = keys.get("pad", 0) == 0 and not reflect
        walk = self.window_walk(
            height,
            width,
            channels,
            kernel=kernel,
            outputs=len(weights) // groups,
            stride=stride,
            dilation=dilation,
            padding=padding,
            groups=groups,
            fold=fold,
            skip=skip,
            reflect=reflect,
        )
        super().__init__(
            walk=walk,
            weights=[_segments(c, _whole(groups, dilation, padding, reflect)) for c in weights],
            groups=groups,
            kernel_rows=kernel[0],
            pitch=dilation[0] * width * channels,
            fold=fold,
            useful=None
            if reflect
            else _useful(weights, walk, (height, width), stride, dilation, padding),
            **keys,
        )

    @staticmethod
    def window_walk(
        height,
        width,
        channels,
        *,
        kernel,
        outputs,
        stride,
        padding,
        dilation=(1, 1),
        groups=1,
        fold=None,
        skip=True,
        reflect=False,
    ):
        """Return the walk: rows, columns, groups, blocks; kernel rows, kernel columns, words.

        With ``skip``, steps that lie in padding as a whole are left out if results leave in time.
        """
        fold = fold or MacFold()
        (top, bottom), (left, right) = padding
        down, across = ((taps - 1) * apart for taps, apart in zip(kernel, dilation, strict=True))
        out_rows = (height + top + bottom - down - 1) // stride[0] + 1
        out_columns = (width + left + right - across - 1) // stride[1] + 1
        if out_rows < 1 or out_columns < 1:
            raise ValueError(f"A {kernel} kernel does not fit a {height} x {width} image")
        row = width * channels
        per_group = channels // groups
        whole = _whole(groups, dilation, padding, reflect)
        segment = kernel[1] * channels if whole else per_group
        columns = Level(1) if whole else Level(kernel[1], 0, dilation[1] * channels)
        rows = Level(kernel[0], dilation[0] * row) if fold.rows == 1 else Level(1)
        words = -(-segment // fold.elements)
        steps = rows.count * columns.count * words
        results = min(groups, fold.groups) * min(outputs, fold.outputs)
        walk = Walk(
            elements=height * row,
            row=row,
            levels=(
                Level(out_rows, stride[0] * row),
                Level(out_columns, 0, stride[1] * channels),
                Level(-(-groups // fold.groups), 0, per_group * fold.groups if groups > 1 else 0),
                Level(-(-outputs // fold.outputs)),
                rows,
                columns,
                Level(words, 0, fold.elements),
            ),
            group=3,
            origin=(-top * row, -left * channels),
            reach=(down * row, (across + 1) * channels - 1),
            idle=max(0, -(-results // fold.lanes) - steps),
            mirror=channels if reflect else 0,
        )
        if not skip:
            return walk
        taken = [(0, 1)] * out_rows
        if fold.rows == 1:
            taken = real_taps(out_rows, kernel[0], stride[0], dilation[0], top, height)
        taps = real_taps(out_columns, kernel[1], stride[1], dilation[1], left, width)
        if columns.count == 1:
            first = [c * stride[1] * channels - left * channels for c in range(out_columns)]
            taps = real_words(words, fold.elements, segment, first, row)
        return skip_padding(walk, taken, taps, -(-results // fold.lanes))


def _whole(groups, dilation, padding, reflect):
    """Return whether the columns of a kernel row are one contiguous segment in their order."""
    return groups == 1 and dilation[1] == 1 and not (reflect and any(padding[1]))


def _useful(weights, walk, size, stride, dilation, padding):
    """Return the multiplications by elements that are no padding."""
    kernel = len(weights[0][0]), len(weights[0][0][0])
    reals = len(weights) * len(weights[0])
    for k in range(2):
        count, start = walk.levels[k].count, padding[k][0]
        places = [
            i * stride[k] - start + j * dilation[k] for i in range(count) for j in range(kernel[k])
        ]
        reals *= sum(0 <= place < size[k] for place in places)
    return reals


def _segments(weights, whole):
    """Return (input channel, row, column) weights of an output channel as segments."""
    rows, columns = len(weights[0]), len(weights[0][0])
    if not whole:
        return [[w[r][c] for w in weights] for r in range(rows) for c in range(columns)]
    return [[w[r][c] for c in range(columns) for w in weights] for r in range(rows)]
