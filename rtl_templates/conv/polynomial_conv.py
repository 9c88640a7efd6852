"""Convolutions of low-bit codes on packed multipliers, several samples and taps in each."""

from math import gcd

from rtl_templates.conv.padding import real_taps
from rtl_templates.mac.mac_engine import MacEngine
from rtl_templates.mac.polynomial_core import (
    PolynomialCore,
    PolynomialShape,
    PolynomialTask,
    polynomial_words,
)
from rtl_templates.mac.run_drain import RunDrain
from rtl_templates.mac.runs import RunFold, Runs, line_for, row_walk, step_codes, token_walk
from rtl_templates.mac.words import acc_bits, channel_words
from rtl_templates.memory.fit import bank_count, buffer_depth, granule_of
from rtl_templates.packing.forms import best_convolution
from rtl_templates.packing.lanes import Range

__all__ = ["PolynomialConv1d", "PolynomialConv2d"]


class _PolynomialConv(MacEngine):
    """What both share: from geometry, walk and codes to an engine."""

    def __init__(
        self,
        *,
        x,
        form,
        runs,
        walk,
        line,
        pitch,
        row_pitch,
        weights,
        biases,
        multipliers,
        scale,
        out_bits,
        fold,
        pad,
        beat=1,
        depth=None,
        queue=None,
    ):
        outputs = len(weights)
        if fold.rows not in (1, len(weights[0])):
            raise ValueError(f"Rows must be 1 or all {len(weights[0])} of them, not {fold.rows}")
        if outputs % fold.outputs or fold.outputs % fold.lanes:
            raise ValueError(f"Outputs must divide {outputs}, and lanes the outputs, not {fold}")
        if not all(0 <= factor < 1 << 16 for factor in multipliers):
            raise ValueError(f"Multipliers must be in [0, 2**16), not {list(multipliers)}")
        segments = [[tap for row in output for tap in row] for output in weights]
        sum_bits = acc_bits(segments, biases, x)
        factor_bits = max(1, max(multipliers).bit_length())
        shape = PolynomialShape(
            form=form,
            rows=fold.rows,
            row_pitch=row_pitch,
            elements=fold.elements,
            pitch=pitch,
            outputs=fold.outputs,
            lanes=fold.lanes,
            x_bits=x.bits,
            acc_bits=sum_bits,
            multiplier_bits=factor_bits,
            out_bits=out_bits,
        )
        banks = bank_count(beat, shape.reads)
        blocks, part = outputs // fold.outputs, fold.outputs // fold.lanes
        self.runs = runs
        self.walk = walk
        self.cycles = walk.steps + walk.idle * walk.groups
        late = RunDrain.late(runs, blocks, part, True)
        latency = PolynomialCore.latency(fold.rows * fold.elements) + late
        # The beats of a run are one packet, which its last block reserves.
        most = blocks * part * runs.samples
        pending = walk.group_steps + latency + most + 2
        packets = -(-pending // (blocks * (walk.least_steps + walk.idle))) + 1
        apart = gcd(
            row_pitch if fold.rows > 1 else 0,
            0 if shape.together else pitch,
        )
        super().__init__(
            shape,
            PolynomialTask(walk, line, runs, pad, scale),
            polynomial_words(step_codes(weights, fold, runs), form.w.bits),
            channel_words(
                biases,
                multipliers,
                lanes=fold.lanes,
                bias_bits=sum_bits,
                multiplier_bits=factor_bits,
            ),
            elements=walk.fresh,
            depth=depth or buffer_depth(walk, beat, banks),
            beat=beat,
            banks=banks,
            granule=granule_of(walk, banks, apart),
            queue=queue or most * packets,
            core=PolynomialCore,
        )


class PolynomialConv2d(_PolynomialConv):
    """A convolution whose windows are one column apart; rows may have a stride and a dilation.

    In integers, rounding half up::

        y[o] = clamp((((sum x * weights[o] + biases[o]) * multipliers[o] + half) >> shift) + zero)

    bit for bit equal to ``hwgen.ops.conv2d``.  Latency: a run starts when the last element that its
    samples touch is in the buffer; its first beat is offered
    ``blocks * length - length + steps + PolynomialCore.latency(rows * elements) + late`` cycles
    later, where ``length`` is the larger of a block's steps and beats.  Initiation interval:
    ``cycles`` per tensor.  Kernel rows in padding take no cycle if ``pad`` is 0.

    Parameters
    ----------
    x : Codes
        Input elements.
    height, width, channels : int
        Input image; streamed row by row, channels fastest.
    weights : nested sequence of int
        (output channel, input channel, kernel row, kernel column), signed.
    ports : tuple of int
        Widths of the multiplier's signed ports.
    step, apart : int
        Rows between windows, and between the rows of a window.
    padding : tuple
        ((top, bottom), (left, right)), each less than the window is long.
    fold : RunFold
    biases, multipliers, scale, out_bits, pad, beat, depth, queue
        See :class:`MacOp`.

    Members
    -------
    i, o, active, waiting : see :class:`MacEngine`.
    """

    def __init__(
        self,
        *,
        x,
        height,
        width,
        channels,
        weights,
        ports=(18, 18),
        step=1,
        apart=1,
        padding=((0, 0), (0, 0)),
        fold=None,
        pad=0,
        **keys,
    ):
        fold = fold or RunFold()
        kernel, taps = len(weights[0][0]), len(weights[0][0][0])
        (top, bottom), (left, right) = padding
        ordered = [
            [[[w[r][c] for w in output] for c in range(taps)] for r in range(kernel)]
            for output in weights
        ]
        line = taps, left, width + left + right - taps + 1, bool(pad)
        form = _form(x, ordered, line, ports)
        runs = Runs(*form.counts, *line)
        walk = row_walk(
            runs,
            fold,
            channels=channels,
            rows=height,
            width=width,
            out_rows=(height + top + bottom - (kernel - 1) * apart - 1) // step + 1,
            step=step,
            kernel=kernel,
            apart=apart,
            top=top,
            outputs=len(weights),
        )
        if not pad and fold.rows == 1:
            rows = real_taps(walk.levels[0].count, kernel, step, apart, top, height)
            passes, words = walk.levels[5].count, walk.levels[6].count
            inner = passes if passes > 1 else words  # what the walk would skip along a line
            shorter = walk.skipping(rows, [(0, inner)] * runs.count)
            if runs.samples * fold.outputs // fold.lanes <= shorter.least_steps:
                walk = shorter
        super().__init__(
            x=x,
            form=form,
            runs=runs,
            walk=walk,
            line=1,
            pitch=channels,
            row_pitch=apart * width * channels,
            weights=ordered,
            fold=fold,
            pad=pad,
            **keys,
        )


class PolynomialConv1d(_PolynomialConv):
    """A convolution over tokens, one apart, without dilation.

    As :class:`PolynomialConv2d`, bit for bit equal to ``hwgen.ops.conv1d``; a line is a sequence.

    Parameters
    ----------
    tokens, features : int
        Input sequence; streamed token by token.
    weights : nested sequence of int
        (output, input feature, tap), signed.
    padding : tuple
        Tokens (before, after), each less than the window is long.
    x, ports, fold, biases, multipliers, scale, out_bits, pad, beat, depth, queue
        See :class:`PolynomialConv2d`.

    Members
    -------
    i, o, active, waiting : see :class:`MacEngine`.
    """

    def __init__(
        self,
        *,
        x,
        tokens,
        features,
        weights,
        ports=(18, 18),
        padding=(0, 0),
        fold=None,
        pad=0,
        **keys,
    ):
        fold = fold or RunFold()
        taps = len(weights[0][0])
        ordered = [[[[w[tap] for w in output] for tap in range(taps)]] for output in weights]
        line = taps, padding[0], tokens + sum(padding) - taps + 1, bool(pad)
        form = _form(x, ordered, line, ports)
        runs = Runs(*form.counts, *line)
        super().__init__(
            x=x,
            form=form,
            runs=runs,
            walk=token_walk(runs, fold, features=features, tokens=tokens, outputs=len(weights)),
            line=0,
            pitch=features,
            row_pitch=0,
            weights=ordered,
            fold=fold,
            pad=pad,
            **keys,
        )


def _form(x, weights, line, ports):
    """Return the best form for these codes; ValueError if multipliers hold one product only."""
    codes = [w for output in weights for row in output for tap in row for w in tap]
    w = Range(min(0, *codes), max(0, *codes))
    taps, before, results, padding = line
    whole = line_for(results, taps, before, padding)
    form = best_convolution(Range(x.low, x.high), w, taps, ports, whole)
    if form is None:
        raise ValueError(f"No convolution of {x} with weights in [{w.low}, {w.high}] is packed")
    return form
