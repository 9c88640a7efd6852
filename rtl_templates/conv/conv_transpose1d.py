"""One-dimensional transposed convolution over the tokens of a sequence."""

from rtl_templates.conv.padding import real_taps, skip_padding
from rtl_templates.mac.mac_op import MacFold, MacOp
from rtl_templates.memory.walk import Level, Walk

__all__ = ["ConvTranspose1d"]


class ConvTranspose1d(MacOp):
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

    def __init__(
        self, *, tokens, features, weights, positions, first=0, halves=1, fold=None, **keys
    ):
        taps = len(weights[0][0])
        if len(weights[0]) != features:
            raise ValueError(f"Weights must have {features} features, not {len(weights[0])}")
        if halves not in (1, 2) or len(weights) % halves:
            raise ValueError(f"Halves must be 1 or 2 and divide {len(weights)}, not {halves}")
        super().__init__(
            walk=self.phase_walk(
                tokens,
                features,
                taps=taps,
                outputs=len(weights) // halves,
                positions=positions,
                first=first,
                halves=halves,
                fold=fold,
                skip=keys.get("pad", 0) == 0,
            ),
            weights=[[[w[tap] for w in output] for tap in range(taps)] for output in weights],
            groups=halves,
            kernel_rows=taps,
            pitch=features,
            fold=fold,
            useful=_useful(weights, tokens, positions, first, halves),
            **keys,
        )

    @staticmethod
    def phase_walk(
        tokens, features, *, taps, outputs, positions, first, halves=1, fold=None, skip=True
    ):
        """Return the walk: positions, halves, blocks of outputs; taps, words of a tap.

        With ``skip``, taps in padding are left out if results leave in time.
        """
        fold = fold or MacFold()
        words = -(-features // fold.elements)
        rows = Level(taps, features) if fold.rows == 1 else Level(1)
        beats = -(-min(outputs, fold.outputs) // fold.lanes)
        walk = Walk(
            elements=tokens * features,
            row=features,
            levels=(
                Level(positions, features),
                Level(1),
                Level(halves, (halves - 1) * features),
                Level(-(-outputs // fold.outputs)),
                rows,
                Level(1),
                Level(words, 0, fold.elements),
            ),
            group=3,
            origin=(first * features, 0),
            reach=((taps - 1 + halves - 1) * features, features - 1),
            idle=max(0, beats - rows.count * words),
        )
        if not skip or fold.rows > 1 or halves > 1:
            return walk
        real = real_taps(positions, taps, 1, 1, -first, tokens)
        return skip_padding(walk, real, [(0, words)], beats)


def _useful(weights, tokens, positions, first, halves):
    """Return the multiplications by elements that are no padding."""
    places = [
        position + first + half + tap
        for half in range(halves)
        for position in range(positions)
        for tap in range(len(weights[0][0]))
    ]
    inside = sum(0 <= place < tokens for place in places)
    return len(weights) // halves * len(weights[0]) * inside
