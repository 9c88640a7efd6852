"""One row phase of a transposed two-dimensional convolution."""

from rtl_templates.conv.padding import real_taps, real_words, skip_padding
from rtl_templates.mac.mac_op import MacFold, MacOp
from rtl_templates.memory.walk import Level, Walk

__all__ = ["ConvPhase2d"]


class ConvPhase2d(MacOp):
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
        (phase and output channel, input channel, kernel row, tap), signed; rows from the top.
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
    fold, pad, beat, depth, queue
        See :class:`MacOp`; a segment is a kernel row.

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
        fold=None,
        **keys,
    ):
        kernel, taps = len(weights[0][0]), len(weights[0][0][0])
        if len(weights[0]) != channels:
            raise ValueError(f"Weights must have {channels} channels, not {len(weights[0])}")
        if halves not in (1, 2) or len(weights) % halves:
            raise ValueError(f"Halves must be 1 or 2 and divide {len(weights)}, not {halves}")
        super().__init__(
            walk=self.phase_walk(
                (height, width, channels),
                kernel=(kernel, taps),
                outputs=len(weights) // halves,
                positions=(rows, columns),
                first=first,
                halves=halves,
                fold=fold,
                skip=keys.get("pad", 0) == 0,
            ),
            weights=[
                [[w[r][tap] for tap in range(taps) for w in output] for r in range(kernel)]
                for output in weights
            ],
            groups=halves,
            kernel_rows=kernel,
            pitch=width * channels,
            fold=fold,
            useful=_useful(weights, (height, width), (rows, columns), first, halves),
            **keys,
        )

    @staticmethod
    def phase_walk(shape, *, kernel, outputs, positions, first, halves=1, fold=None, skip=True):
        """Return the walk: rows, columns, halves, blocks of outputs; kernel rows, words.

        With ``skip``, steps that lie in padding as a whole are left out if results leave in time.
        """
        fold = fold or MacFold()
        height, width, channels = shape
        row, segment = width * channels, kernel[1] * channels
        words = -(-segment // fold.elements)
        kernel_rows = Level(kernel[0], row) if fold.rows == 1 else Level(1)
        results = min(halves, fold.groups) * min(outputs, fold.outputs)
        beats = -(-results // fold.lanes)
        walk = Walk(
            elements=height * row,
            row=row,
            levels=(
                Level(positions[0], row),
                Level(positions[1], 0, channels),
                Level(-(-halves // fold.groups), 0, (halves - 1) * channels * fold.groups),
                Level(-(-outputs // fold.outputs)),
                kernel_rows,
                Level(1),
                Level(words, 0, fold.elements),
            ),
            group=3,
            origin=(first[0] * row, first[1] * channels),
            reach=((kernel[0] - 1) * row, (halves - 1) * channels + segment - 1),
            idle=max(0, beats - kernel_rows.count * words),
        )
        if not skip:
            return walk
        taken = [(0, 1)] * positions[0]
        if fold.rows == 1:
            taken = real_taps(positions[0], kernel[0], 1, 1, -first[0], height)
        taps = [(0, words)] * positions[1]
        if halves == 1:
            starts = [(first[1] + column) * channels for column in range(positions[1])]
            taps = real_words(words, fold.elements, segment, starts, row)
        return skip_padding(walk, taken, taps, beats)


def _useful(weights, size, positions, first, halves):
    """Return the multiplications by elements that are no padding."""
    kernel = len(weights[0][0]), len(weights[0][0][0])
    offsets = (range(1), range(halves))
    reals = len(weights) // halves * len(weights[0])
    for k in range(2):
        places = [
            first[k] + position + half + tap
            for half in offsets[k]
            for position in range(positions[k])
            for tap in range(kernel[k])
        ]
        reals *= sum(0 <= place < size[k] for place in places)
    return reals
