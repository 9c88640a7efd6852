"""What becomes of the sums of a run: requantised, put in order, and sent."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.requantize import finish
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay

__all__ = ["RunDrain"]


class RunDrain(wiring.Component):
    """Takes the sums of a run block by block, and sends its results position by position.

    With one block of outputs the sums come in that order; results that are none leave a gap.  With
    several, codes wait in a small memory until the run is complete.

    Latency: 4 cycles from ``load`` to the beat of the first sum; with several blocks as many more
    as a block has beats, and 1.  Throughput: a block per ``samples * outputs / lanes`` cycles.
    Infers ``lanes`` multipliers of ``acc_bits`` by ``multiplier_bits``.

    Parameters
    ----------
    shape : PolynomialShape
    runs : Runs
    blocks : int
        Blocks of ``shape.outputs`` output channels.
    scale : Scale
    channels : sequence of int
        A word for each beat of a position: ``lanes`` x (bias, multiplier), the bias in the low
        bits.

    Members
    -------
    load : ``In(1)``
        The sums of a block are there.
    sums : ``In(samples * outputs * acc_bits)``
        Position by position.
    first, last : ``In(1)``
        The run is the first or the last one of its line.
    beat_valid : ``Out(1)``
    beat : ``Out(lanes * out_bits)``
    """

    LATENCY = 4

    def __init__(self, shape, runs, blocks, scale, channels):
        self.shape = shape
        self.runs = runs
        self.blocks = blocks
        self.scale = scale
        self.channels = list(channels)
        self.part = shape.outputs // shape.lanes  # beats of a position and a block
        self.beats = runs.samples * self.part
        super().__init__(
            {
                "load": In(1),
                "sums": In(runs.samples * shape.outputs * shape.acc_bits),
                "first": In(1),
                "last": In(1),
                "beat_valid": Out(1),
                "beat": Out(shape.lanes * shape.out_bits),
            }
        )

    @classmethod
    def late(cls, runs, blocks, part, first):
        """Return the cycles by which a run's first beat comes after ``LATENCY``."""
        return runs.valid(first, False)[0] * part if blocks == 1 else runs.samples * part + 1

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        drain = Signal(len(self.sums))
        mask = Signal(self.beats)  # of the beats still to come, those that are some
        m.d.sync += [drain.eq(drain >> shape.lanes * shape.acc_bits), mask.eq(mask >> 1)]
        with m.If(self.load):
            m.d.sync += [drain.eq(self.sums), mask.eq(self._mask())]
        codes = self._requantised(m, drain)
        valid = delay(m, mask[0], 3, "leaving")
        if self.blocks == 1:
            m.d.comb += [self.beat_valid.eq(valid), self.beat.eq(codes)]
        else:
            self._order(m, valid, codes)
        return m

    def _mask(self):
        """Return which beats of a block are results; all, where they are put in order later."""
        if self.blocks > 1:
            return ~Const(0, self.beats)
        masks = []
        for first, last in ((0, 0), (1, 0), (0, 1), (1, 1)):
            low, high = self.runs.valid(first, last)
            bits = (1 << high * self.part) - (1 << low * self.part) if high > low else 0
            masks.append(Const(bits, self.beats))
        return Mux(
            self.last, Mux(self.first, masks[3], masks[2]), Mux(self.first, masks[1], masks[0])
        )

    def _requantised(self, m, drain):
        """Return the codes of the beat at the end of the drain, 3 cycles later."""
        shape = self.shape
        field = TaskField(m, None)
        lane_bits = shape.acc_bits + shape.multiplier_bits
        word = self._channel_word(m, shape.lanes * lane_bits)
        codes = []
        for k in range(shape.lanes):
            biased = Signal(signed(shape.acc_bits), name=f"biased_{k}")
            multiplier = Signal(unsigned(shape.multiplier_bits), name=f"multiplier_{k}")
            scaled = Signal(signed(shape.acc_bits + shape.multiplier_bits), name=f"scaled_{k}")
            code = Signal(shape.out_bits, name=f"code_{k}")
            total = drain.word_select(k, shape.acc_bits).as_signed()
            constants = word.word_select(k, lane_bits)
            m.d.sync += [
                biased.eq(total + constants[: shape.acc_bits].as_signed()),
                multiplier.eq(constants[shape.acc_bits :]),
                scaled.eq(biased * multiplier),
                code.eq(finish(field, [self.scale], scaled + self.scale.half)),
            ]
            codes.append(code)
        return Cat(codes)

    def _channel_word(self, m, bits):
        """Return bias and multiplier of each lane for the beat that leaves in this cycle."""
        if len(self.channels) == 1:
            return Const(self.channels[0], bits)
        m.submodules.channels = memory = Memory(
            shape=unsigned(bits), depth=len(self.channels), init=self.channels
        )
        reader = memory.read_port()
        address, following = Signal(range(len(self.channels))), Signal(range(len(self.channels)))
        start = Signal.like(address)  # of the block that is loaded next
        ends = Signal.like(address, init=self.part - 1)
        m.d.sync += address.eq(following)
        # Round and round the words of a block, once for each position.
        base = Signal.like(address)
        m.d.comb += following.eq(Mux(address == ends, base, address + 1))
        with m.If(self.load):
            m.d.comb += following.eq(start)
            m.d.sync += [base.eq(start), ends.eq(start + self.part - 1)]
            if self.blocks > 1:
                wraps = start == (self.blocks - 1) * self.part
                m.d.sync += start.eq(Mux(wraps, 0, start + self.part))
        m.d.comb += [reader.en.eq(1), reader.addr.eq(following)]
        return reader.data

    def _order(self, m, valid, codes):
        """Write codes block by block, and read them position by position when a run is complete."""
        samples, row = self.runs.samples, self.blocks * self.part  # beats of a position
        size = samples * row
        m.submodules.order = memory = Memory(
            shape=unsigned(len(self.beat)), depth=2 << (size - 1).bit_length(), init=[]
        )
        writer, reader = memory.write_port(), memory.read_port()
        half = Signal()  # of the memory that is written
        place = Signal(range(size))
        beat, sample = Signal(range(self.part + 1)), Signal(range(samples))
        block = Signal(range(self.blocks))
        start = Signal(range(size))  # of the block
        beat_ends, sample_ends = beat == self.part - 1, sample == samples - 1
        block_ends = block == self.blocks - 1
        ends = Signal()
        m.d.comb += [
            ends.eq(valid & beat_ends & sample_ends & block_ends),
            writer.addr.eq(Cat(place, half)),
            writer.data.eq(codes),
            writer.en.eq(valid),
        ]
        with m.If(valid):
            m.d.sync += [beat.eq(beat + 1), place.eq(place + 1)]
            with m.If(beat_ends):
                m.d.sync += [
                    beat.eq(0),
                    sample.eq(sample + 1),
                    place.eq(place + 1 + row - self.part),
                ]
                with m.If(sample_ends):
                    following = start + self.part
                    m.d.sync += [
                        sample.eq(0),
                        block.eq(block + 1),
                        start.eq(following),
                        place.eq(following),
                    ]
                    with m.If(block_ends):
                        m.d.sync += [block.eq(0), start.eq(0), place.eq(0), half.eq(~half)]

        kind = Signal(2)
        with m.If(self.load):
            m.d.sync += kind.eq(Cat(self.first, self.last))
        of_block = delay(m, kind, 3, "kind")  # whose codes are written
        at, left = Signal(range(size)), Signal(range(size + 1))
        read_half = Signal()
        with m.If(left != 0):
            m.d.sync += [left.eq(left - 1), at.eq(at + 1)]
        with m.If(ends):
            m.d.sync += read_half.eq(half)
            for number in range(4):
                with m.If(of_block == number):
                    low, high = self.runs.valid(number & 1, number >> 1)
                    m.d.sync += [at.eq(low * row), left.eq(max(0, high - low) * row)]
        sent = Signal()
        m.d.sync += sent.eq(left != 0)
        m.d.comb += [
            reader.en.eq(1),
            reader.addr.eq(Cat(at, read_half)),
            self.beat_valid.eq(sent),
            self.beat.eq(reader.data),
        ]
