"""What ops that multiply by weights share: from geometry and codes to an engine."""

from dataclasses import dataclass

from rtl_templates.arith.codes import bits_for
from rtl_templates.mac.mac_core import MacCore, MacShape, MacTask
from rtl_templates.mac.mac_engine import MacEngine
from rtl_templates.mac.words import acc_bits, channel_words, weight_words
from rtl_templates.memory.fit import bank_count, buffer_depth, granule_of, queue_beats

__all__ = ["MacFold", "MacOp"]


@dataclass(frozen=True)
class MacFold:
    """How much is done in one cycle.

    Parameters
    ----------
    rows
        Kernel rows at once: 1, or all of them.
    elements
        Contiguous elements at once; the last word of a segment is filled with zero weights.
    outputs
        Output channels of a group at once; the last block may be partly empty.
    lanes
        Results per beat, a power of two that divides the output channels of a group, of a full
        block and of the last block; with several groups at once, of their outputs together.
    groups
        Convolution groups at once; more than 1 only if ``elements`` and ``outputs`` take a whole
        group.  The last ones may be partly empty.
    """

    rows: int = 1
    elements: int = 1
    outputs: int = 1
    lanes: int = 1
    groups: int = 1

    def __post_init__(self):
        if min(self.rows, self.elements, self.outputs, self.lanes, self.groups) < 1:
            raise ValueError(f"A fold must be at least 1 everywhere, not {self}")

    @property
    def multipliers(self):
        """Multiplications by a weight per cycle."""
        return self.groups * self.rows * self.elements * self.outputs


class MacOp(MacEngine):
    """A :class:`MacEngine` made from a walk and plain integers.

    Parameters
    ----------
    x : Codes
        Input elements.
    walk : Walk
    weights : nested sequence of int
        (output channel, segment, element) in stream order, signed.
    biases, multipliers : sequence of int
        Per output channel: what joins the sum; unsigned factor of the sum, below ``2**16``.
    scale : Scale
        Shift, zero point and clamp of the results.
    out_bits : int
        Width of a result.
    groups, kernel_rows : int
        Convolution groups; outer loop over segments.
    pitch : int
        Elements between kernel rows, if they are read at once.
    fold : MacFold
    pad : int
        Code read outside the tensor.
    beat : int
        Elements of a beat on ``i``, a power of two that divides the tensor.
    depth, queue : int or None
        Elements of the window buffer, beats of the output queue; None: enough for full speed
        of the engine.
    useful : int or None
        Multiplications by elements that are no padding; None: all.

    Attributes
    ----------
    cycles : int
        Cycles in which the engine is busy with one tensor: the initiation interval, unless
        the streams are slower.
    utilisation : float
        Useful multiplications per multiplier and cycle, 0 to 1.
    """

    def __init__(
        self,
        *,
        x,
        walk,
        weights,
        biases,
        multipliers,
        scale,
        out_bits,
        groups=1,
        kernel_rows=1,
        pitch=0,
        fold=None,
        pad=0,
        beat=1,
        depth=None,
        queue=None,
        useful=None,
    ):
        fold = fold or MacFold()
        per_group = len(weights) // groups
        self._check(weights, biases, multipliers, groups, kernel_rows, fold)
        block = min(fold.outputs, per_group) * min(fold.groups, groups)
        last = (len(weights) if fold.groups > 1 else per_group) % (fold.outputs * fold.groups)
        last = last or block
        if block % fold.lanes or last % fold.lanes:
            raise ValueError(f"Lanes must divide blocks of {block} and {last}, not {fold.lanes}")
        weight_bits = max(2, bits_for(*(w for channel in weights for s in channel for w in s)))
        bias_bits = acc_bits(weights, biases, x)
        factor_bits = max(1, max(multipliers).bit_length())
        pitch = pitch if fold.rows > 1 else 0
        beats = block // fold.lanes
        banks = bank_count(beat, fold.groups * fold.elements)
        terms = fold.rows * fold.elements
        self.walk = walk
        self.cycles = walk.steps + walk.idle * walk.groups
        if useful is None:
            useful = walk.levels[0].count * walk.levels[1].count
            useful *= sum(len(segment) for channel in weights for segment in channel)
        self.utilisation = useful / (self.cycles * fold.multipliers)
        super().__init__(
            MacShape(
                rows=fold.rows,
                row_pitch=pitch,
                elements=fold.elements,
                outputs=fold.outputs,
                lanes=fold.lanes,
                x_bits=x.bits,
                x_signed=x.signed,
                weight_bits=weight_bits,
                acc_bits=bias_bits,
                multiplier_bits=factor_bits,
                out_bits=out_bits,
                groups=fold.groups,
            ),
            MacTask(
                walk=walk,
                signed=x.signed,
                pad=pad,
                scale=scale,
                weights=0,
                channels=(0, len(weights) // fold.lanes),
                beats=beats,
                last_beats=last // fold.lanes,
                side=fold.groups,
            ),
            weight_words(
                weights,
                groups=groups,
                rows=kernel_rows,
                together=fold.rows,
                elements=fold.elements,
                outputs=fold.outputs,
                side=fold.groups,
                bits=weight_bits,
            ),
            channel_words(
                biases,
                multipliers,
                lanes=fold.lanes,
                bias_bits=bias_bits,
                multiplier_bits=factor_bits,
            ),
            elements=walk.fresh,
            depth=depth or buffer_depth(walk, beat, banks),
            beat=beat,
            banks=banks,
            granule=granule_of(walk, banks, pitch),
            queue=queue or queue_beats(walk, MacCore.latency(terms), beats),
        )

    @staticmethod
    def _check(weights, biases, multipliers, groups, kernel_rows, fold):
        channels = len(weights)
        if not channels or channels % groups:
            raise ValueError(f"Groups must divide the {channels} output channels, not {groups}")
        for name, values in (("Biases", biases), ("Multipliers", multipliers)):
            if len(values) != channels:
                raise ValueError(f"{name} must be {channels}, one per channel, not {len(values)}")
        if not all(0 <= factor < 1 << 16 for factor in multipliers):
            raise ValueError(f"Multipliers must be in [0, 2**16), not {list(multipliers)}")
        if fold.rows not in (1, kernel_rows):
            raise ValueError(f"Rows must be 1 or all {kernel_rows} kernel rows, not {fold.rows}")
        whole = len(weights[0][0]), channels // groups
        if fold.groups > groups or (fold.groups > 1 and (fold.elements, fold.outputs) != whole):
            raise ValueError(f"Groups at once must be whole ones of {groups}, not {fold}")
