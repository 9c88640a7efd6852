"""The datapath of a convolution whose samples and taps share multipliers as polynomials."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib.memory import Memory

from rtl_templates.arith.requantize import Scale
from rtl_templates.arith.tree import add_with_carry
from rtl_templates.mac.mac_core import BLOCK, MacCore
from rtl_templates.mac.run_drain import RunDrain
from rtl_templates.mac.runs import Runs
from rtl_templates.memory.walk import Walk
from rtl_templates.packing.forms import Form
from rtl_templates.packing.polynomial_sums import PolynomialSums
from rtl_templates.streams.delay import delay

__all__ = ["PolynomialCore", "PolynomialShape", "PolynomialTask", "polynomial_words"]


@dataclass(frozen=True)
class PolynomialTask:
    """The op on the core.

    Parameters
    ----------
    walk
        Levels: rows, columns, one, blocks of outputs; then the group: two kinds of segments, words
        of a sample.  See :func:`rtl_templates.mac.runs.row_walk`.
    line
        The level that counts the runs of a line: 0 (tokens), or 1 (columns).
    runs
    pad
        Code read outside the tensor.
    scale
        Requantisation after the per-channel multiplication.
    """

    walk: Walk
    line: int
    runs: Runs
    pad: int
    scale: Scale

    @property
    def weights(self):
        """First word in the weight memory."""
        return 0


@dataclass(frozen=True)
class PolynomialShape:
    """Size and widths of the core.

    ``form``: samples and taps of a multiplier.  ``rows`` (T) kernel rows at once, ``row_pitch``
    elements apart; of each sample ``elements`` (P) channels, samples ``pitch`` elements apart;
    ``outputs`` (PO) output channels, ``lanes`` (L) results per beat.  Widths in bits.
    """

    form: Form
    rows: int
    row_pitch: int
    elements: int
    pitch: int
    outputs: int
    lanes: int
    x_bits: int
    acc_bits: int
    multiplier_bits: int
    out_bits: int

    @property
    def samples(self):
        """Samples of a run."""
        return self.form.counts[0]

    @property
    def taps(self):
        """Taps of a pass."""
        return self.form.counts[1]

    @property
    def together(self):
        """Whether the samples of a run lie side by side, so that one read has them all."""
        return self.pitch == self.elements

    @property
    def reads(self):
        """Contiguous elements of a read."""
        return self.samples * self.elements if self.together else self.elements

    @property
    def ports(self):
        """Reads at once."""
        return self.rows if self.together else self.rows * self.samples

    @property
    def span(self):
        """Elements from the first read to the last one."""
        samples = 0 if self.together else (self.samples - 1) * self.pitch
        return (self.rows - 1) * self.row_pitch + samples

    @property
    def results(self):
        """Output channels of a group of steps."""
        return self.outputs

    @property
    def weight_bits(self):
        """Bits of the weights of a multiplier."""
        return self.form.counts[1] * self.form.w.bits

    def lane_sums(self):
        """Return what adds up the products of a step."""
        return PolynomialSums(self.form, self.outputs, self.rows * self.elements)


class PolynomialCore(MacCore):
    """``outputs`` x ``samples`` results of a convolution at a time, from packed multipliers.

    A group of steps adds up the products of a run's samples with the taps of a pass (its words, its
    passes, its kernel rows): ``samples + taps - 1`` sums per output.  They start from what the run
    before left, 0 in a line's first one; the first ``samples`` of them are complete and leave, the
    others are carried over.  See :class:`rtl_templates.mac.runs.Runs`.

    Latency: ``PolynomialCore.latency(rows * elements)`` cycles from the last step of a group to the
    beat of its first sum, and as many more as :meth:`RunDrain.late` says.  Throughput: one step per
    cycle; groups back to back, each at least as long as ``samples * outputs / lanes`` beats.  No
    back-pressure, as in :class:`MacCore`.  Utilisation bound: useful products over
    ``samples * taps * rows * elements * outputs * steps``; what is lost is the last run of a line,
    a pass's missing taps, the last word of a sample, and taps in padding before and behind a line.
    Infers ``rows * elements * outputs`` multipliers of ``form.port_bits``, and those of
    :class:`RunDrain`.

    Parameters
    ----------
    shape : PolynomialShape
    tasks : sequence of one PolynomialTask
    weights : sequence of int
        Words of the weight memory: ``outputs`` x ``rows`` x ``elements`` x taps codes, the tap
        fastest, the first in the low bits: see :func:`polynomial_words`.
    channels : sequence of int
        See :class:`RunDrain`.

    Members
    -------
    See :class:`MacCore`.
    """

    STAGES = MacCore.STAGES + PolynomialSums.STAGES - 1
    """Registers besides the adder tree; a plain product counts as one of :class:`MacCore`'s."""

    def __init__(self, shape, tasks, weights, channels):
        (self.only,) = tasks
        runs, levels = self.only.runs, self.only.walk.levels
        self.blocks = levels[BLOCK].count
        row = shape.outputs * self.blocks // shape.lanes  # beats of a position
        self.counts = [(high - low) * row for low, high in (runs.valid(*kind) for kind in _KINDS)]
        super().__init__(shape, tasks, weights, channels)

    def _most_beats(self):
        return max(self.counts)

    def elaborate(self, platform):
        m = Module()
        shape, mover = self.shape, self.mover
        field = self._move(m)
        first = self._count_beats(m)

        m.submodules.lane_sums = sums = shape.lane_sums()
        m.d.comb += [sums.x.eq(self._operands(m)), sums.w.eq(self._weight_words(m, field))]
        # 1 cycle to the memory's data, 1 to the operands, then the sums.
        flags = delay(
            m,
            Cat(
                *(mover.step, mover.step & mover.first, mover.step & mover.last),
                *(first, mover.ends[self.only.line]),
            ),
            2 + sums.latency,
            "flags",
        )
        self._accumulate(m, sums, flags)
        return m

    def _count_beats(self, m):
        """Tell the beats of the group that would start; return whether a line's first run is on."""
        mover = self.mover
        first, last = Signal(init=1, name="first_run"), mover.ends[self.only.line]
        with m.If(mover.step & mover.ends[2:].all()):
            m.d.sync += first.eq(last)
        for kind, count in zip(_KINDS, self.counts, strict=True):
            with m.If(mover.ends[BLOCK] & (Cat(first, last) == kind[0] + 2 * kind[1])):
                m.d.comb += self.beats.eq(count)
        return first

    def _operands(self, m):
        """Read the samples of every kernel row and replace what lies outside the tensor."""
        shape, mover, walk = self.shape, self.mover, self.only.walk
        first = self.missing if walk.missing else 0
        pad = self.only.pad & ((1 << shape.form.a.bits) - 1)
        along = shape.pitch * (self.only.line == 1), shape.pitch * (self.only.line == 0)
        terms = []
        for k in range(shape.rows):
            samples = []
            for i in range(shape.samples):
                x = mover.x + i * along[0]
                y = mover.y + k * shape.row_pitch + i * along[1]
                port, place = (k, i) if shape.together else (k * shape.samples + i, 0)
                if not place:
                    m.d.comb += self.address[port].eq(x + y)
                inside = Signal(name=f"inside_{k}_{i}")
                m.d.sync += inside.eq(
                    (y >= first) & (y < walk.elements) & (x >= 0) & (x < walk.row)
                )
                codes = []
                for e in range(shape.elements):
                    raw = self.data[port].word_select(place * shape.elements + e, shape.x_bits)
                    operand = Signal(shape.form.a.bits, name=f"operand_{k}_{i}_{e}")
                    m.d.sync += operand.eq(Mux(inside, raw, pad) if walk.padded else raw)
                    codes.append(operand)
                samples.append(codes)
            terms += [Cat(codes[e] for codes in samples) for e in range(shape.elements)]
        return Cat(terms)

    def _accumulate(self, m, sums, flags):
        """Add to what the steps and the run before left, and give away what is complete."""
        shape, task = self.shape, self.only
        samples, taps = shape.samples, shape.taps
        valid, first, last, first_run, last_run = flags
        if task.walk.group_steps == 1:
            first = 1
        lanes = samples + taps - 1
        totals, registers, start = [], [], 0
        for k in range(shape.outputs):
            for lane in range(lanes):
                acc = Signal(signed(shape.acc_bits), name=f"acc_{k}_{lane}")
                total = Signal(signed(shape.acc_bits), name=f"total_{k}_{lane}")
                width = sums.widths[lane]
                partial = sums.o[start : start + width].as_signed()
                start += width
                with m.If(valid):
                    m.d.sync += acc.eq(total)
                totals.append((total, partial, sums.carry[k * lanes + lane]))
                registers.append(acc)
        carried = self._carried(m, [total for total, *_ in totals], registers, last)
        for k in range(shape.outputs):
            for lane in range(lanes):
                total, partial, carry = totals[k * lanes + lane]
                begun = 0
                if lane < taps - 1:
                    begun = Mux(first_run, 0, carried[k * (taps - 1) + lane])
                before = Signal(signed(shape.acc_bits), name=f"before_{k}_{lane}")
                m.d.comb += [
                    before.eq(Mux(first, begun, registers[k * lanes + lane])),
                    total.eq(add_with_carry(before, partial, carry)),
                ]

        m.submodules.run_drain = drain = RunDrain(
            shape, task.runs, self.blocks, task.scale, self.channels
        )
        m.d.comb += [
            drain.load.eq(last),
            drain.sums.eq(
                Cat(totals[k * lanes + i][0] for i in range(samples) for k in range(shape.outputs))
            ),
            drain.first.eq(first_run),
            drain.last.eq(last_run),
            self.beat_valid.eq(drain.beat_valid),
            self.beat.eq(drain.beat),
        ]

    def _carried(self, m, totals, registers, last):
        """Return the sums that the run before left to the outputs of the group that begins."""
        shape, samples, taps = self.shape, self.shape.samples, self.shape.taps
        lanes, bits = samples + taps - 1, shape.acc_bits
        places = [k * lanes + samples + j for k in range(shape.outputs) for j in range(taps - 1)]
        if self.blocks == 1 or not places:
            return [registers[place] for place in places]
        m.submodules.carried = memory = Memory(
            shape=unsigned(len(places) * bits), depth=self.blocks, init=[]
        )
        writer, reader = memory.write_port(), memory.read_port()
        block, following = Signal(range(self.blocks)), Signal(range(self.blocks))
        m.d.comb += following.eq(block)
        with m.If(last):
            m.d.comb += following.eq(Mux(block == self.blocks - 1, 0, block + 1))
        m.d.sync += block.eq(following)
        m.d.comb += [
            writer.addr.eq(block),
            writer.data.eq(Cat(totals[place] for place in places)),
            writer.en.eq(last),
            reader.addr.eq(following),
            reader.en.eq(1),
        ]
        return [reader.data.word_select(k, bits).as_signed() for k in range(len(places))]


_KINDS = ((0, 0), (1, 0), (0, 1), (1, 1))
"""Whether a run is the first one of its line, and the last one."""


def polynomial_words(steps, bits):
    """Return the words that the core reads, one a step.

    Parameters
    ----------
    steps : iterable of sequences of int
        See :func:`rtl_templates.mac.runs.step_codes`.
    bits : int
        Of a code; the first one is in the low bits.
    """
    mask = (1 << bits) - 1
    return [sum((code & mask) << (k * bits) for k, code in enumerate(codes)) for codes in steps]
