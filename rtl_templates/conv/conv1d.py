"""One-dimensional convolution over the tokens of a sequence."""

from rtl_templates.conv.padding import real_taps, skip_padding
from rtl_templates.mac.mac_op import MacFold, MacOp
from rtl_templates.memory.walk import Level, Walk

__all__ = ["Conv1d"]


class Conv1d(MacOp):
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
        fold=None,
        **keys,
    ):
        taps = len(weights[0][0])
        if features % groups or len(weights[0]) != features // groups:
            raise ValueError(
                f"Weights must have {features} / {groups} input features, not {len(weights[0])}"
            )
        extent = (taps - 1) * dilation + 1
        if not 0 <= min(padding) <= max(padding) < extent:
            raise ValueError(f"Padding must be in [0, {extent}) for this kernel, not {padding}")
        if reflect and max(padding) >= tokens:
            raise ValueError(f"Padding of {max(padding)} reflects more than {tokens} tokens")
        reflect = reflect and any(padding)
        if reflect and fold is not None and fold.rows > 1:
            raise ValueError("Reflected tokens are not read together")
        walk = self.window_walk(
            tokens,
            features,
            taps=taps,
            outputs=len(weights) // groups,
            stride=stride,
            dilation=dilation,
            padding=padding,
            groups=groups,
            fold=fold,
            skip=keys.get("pad", 0) == 0 and not reflect,
            reflect=reflect,
        )
        super().__init__(
            walk=walk,
            weights=[[[w[tap] for w in output] for tap in range(taps)] for output in weights],
            groups=groups,
            kernel_rows=taps,
            pitch=dilation * features,
            fold=fold,
            useful=None
            if reflect
            else _useful(weights, walk, tokens, stride, dilation, padding[0]),
            **keys,
        )

    @staticmethod
    def window_walk(
        tokens,
        features,
        *,
        taps,
        outputs,
        stride=1,
        dilation=1,
        padding=(0, 0),
        groups=1,
        fold=None,
        skip=True,
        reflect=False,
    ):
        """Return the walk: tokens, groups, blocks of outputs; taps, words of a tap.

        With ``skip``, taps in padding are left out if results leave in time.
        """
        fold = fold or MacFold()
        reach = (taps - 1) * dilation
        out_tokens = (tokens + sum(padding) - reach - 1) // stride + 1
        if out_tokens < 1:
            raise ValueError(f"{taps} taps {dilation} apart do not fit {tokens} tokens")
        per_group = features // groups
        words = -(-per_group // fold.elements)
        results = min(groups, fold.groups) * min(outputs, fold.outputs)
        rows = Level(taps, dilation * features) if fold.rows == 1 else Level(1)
        walk = Walk(
            elements=tokens * features,
            row=features,
            levels=(
                Level(out_tokens, stride * features),
                Level(1),
                Level(-(-groups // fold.groups), 0, per_group * fold.groups if groups > 1 else 0),
                Level(-(-outputs // fold.outputs)),
                rows,
                Level(1),
                Level(words, 0, fold.elements),
            ),
            group=3,
            origin=(-padding[0] * features, 0),
            reach=(reach * features, features - 1),
            idle=max(0, -(-results // fold.lanes) - rows.count * words),
            mirror=features if reflect else 0,
        )
        if not skip or fold.rows > 1:
            return walk
        real = real_taps(out_tokens, taps, stride, dilation, padding[0], tokens)
        return skip_padding(walk, real, [(0, words)], -(-results // fold.lanes))


def _useful(weights, walk, tokens, stride, dilation, before):
    """Return the multiplications by elements that are no padding."""
    places = [
        t * stride - before + j * dilation
        for t in range(walk.levels[0].count)
        for j in range(len(weights[0][0]))
    ]
    return len(weights) * len(weights[0]) * sum(0 <= place < tokens for place in places)
