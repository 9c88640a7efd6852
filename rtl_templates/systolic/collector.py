"""From the bottom of the drain chains to beats of the output tensor."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.requantize import finish
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay
from rtl_templates.systolic.geometry import Geometry

__all__ = ["Collector"]

SCALE = 3
"""Cycles from a sum to its code: bias, multiplication, shift and clamp."""

WRITE = 2
"""Cycles from the address of a word to the beat."""


class Collector(wiring.Component):
    """Requantises the sums of each column and writes them, ``beat`` results at a time.

    The sums of ``Geometry.height`` features come one after the other, the last one first: those
    of a tile's rows, or of all features where operands stay.  Each column packs words of ``beat``
    results into a memory, and what is complete leaves: the columns' words of the last features,
    then of those before.

    Latency: ``1 + SCALE + beat + WRITE`` cycles from ``drained`` to the first beat; words follow
    each other without a gap if ``beat <= columns``, and as they become complete otherwise.
    Throughput: a tile per ``max(height, height / beat * columns)`` cycles.  Infers ``columns``
    multipliers ``acc_bits`` by ``multiplier_bits``.

    Parameters
    ----------
    shape : ArrayShape
    tasks : sequence of ArrayTask
        Products; attention leaves by its lanes.
    channels : sequence of int
        Words of the channel memory: bias (``acc_bits``) in the low bits, multiplier.

    Members
    -------
    task, start : ``In``
    drained : ``In(1)``
        ``drain`` of column 0 carries the first sum of a tile in the next cycle.
    drain : ``In(columns * acc_bits)``
    beat_valid, beat : ``Out``
    index : ``Out``
        Element of the output tensor that the beat's first result is.
    """

    def __init__(self, shape, tasks, channels):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.sizes = [Geometry(shape, task) for task in self.tasks]
        self.channels = list(channels)
        self.words = max(size.words for size in self.sizes)
        self.height = max(size.height for size in self.sizes)
        columns = shape.columns
        most = max((size.blocks * columns + 1) * size.task.features for size in self.sizes)
        super().__init__(
            {
                "task": In(range(max(2, len(self.tasks)))),
                "start": In(1),
                "drained": In(1),
                "drain": In(columns * shape.acc_bits),
                "beat_valid": Out(1),
                "beat": Out(shape.beat * shape.out_bits),
                "index": Out(range(most + self.height)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        field = TaskField(m, self.task)
        height = field([size.height for size in self.sizes], "height")
        row = Signal(range(max(2, self.height)))  # counts down
        draining = Signal()
        with m.If(draining):
            m.d.sync += row.eq(row - 1)
            with m.If(row == 0):
                m.d.sync += draining.eq(0)
        with m.If(self.drained):
            m.d.sync += [draining.eq(1), row.eq(height - 1)]

        beat_ends = (row % shape.beat) == 0 if shape.beat > 1 else draining
        word = row >> (shape.beat - 1).bit_length()
        bias, multiplier = self._channel(m, field, draining, row, height)
        flags = Signal(1 + len(word))
        m.d.comb += flags.eq(Cat(draining & beat_ends, word))
        words = []
        address = Signal(range(max(2, self.words)))
        for c in range(shape.columns):
            if c:
                flags, bias, multiplier = (
                    delay(m, value, 1, f"{name}_{c}")
                    for name, value in (
                        ("flags", flags),
                        ("bias", bias),
                        ("multiplier", multiplier),
                    )
                )
            words.append(self._column(m, field, c, flags, bias, multiplier, address))
        arrived = delay(m, draining & beat_ends, SCALE + 1, "arrived")
        self._leave(m, field, words, address, arrived, height)
        return m

    def _channel(self, m, field, draining, row, height):
        """Return bias and multiplier for column 0, read one cycle ahead."""
        shape = self.shape
        bits = shape.acc_bits + shape.multiplier_bits
        memory = Memory(shape=unsigned(bits), depth=max(2, len(self.channels)), init=self.channels)
        m.submodules.channels = memory
        reader = memory.read_port()
        base = field([task.channels for task in self.tasks], "channels")
        each = field([task.per_channel for task in self.tasks], "per_channel")
        parts = [-(-size.task.features // size.height) for size in self.sizes]
        tiles = field([count - 1 for count in parts], "tiles")
        tile = Signal(range(max(2, *parts)))
        begin, address = (
            Signal(range(max(2, len(self.channels))), name=f"channel_{name}")
            for name in ("begin", "address")
        )
        with m.If(draining & (row == 0)):
            m.d.sync += [
                tile.eq(Mux(tile == tiles, 0, tile + 1)),
                begin.eq(Mux(tile == tiles, base, begin + height)),
            ]
        with m.If(self.start):
            m.d.sync += [tile.eq(0), begin.eq(base)]
        last = Mux((tile == tiles), base, begin + height) + height - 1
        following = Mux(draining, Mux(row == 0, last, begin + row - 1), begin + height - 1)
        m.d.comb += [
            address.eq(Mux(each, following, base)),
            reader.en.eq(1),
            reader.addr.eq(address),
        ]
        return reader.data[: shape.acc_bits], reader.data[shape.acc_bits :]

    def _column(self, m, field, c, flags, bias, multiplier, address):
        """Requantise and pack the sums of a column; return the word at ``address``."""
        shape = self.shape
        scales = [task.scale for task in self.tasks]
        half = field([scale.half for scale in scales], "half")
        sum_ = self.drain.word_select(c, shape.acc_bits).as_signed()
        biased = Signal(signed(shape.acc_bits), name=f"biased_{c}")
        factor = Signal(unsigned(shape.multiplier_bits), name=f"factor_{c}")
        scaled = Signal(signed(shape.acc_bits + shape.multiplier_bits), name=f"scaled_{c}")
        code = Signal(shape.out_bits, name=f"code_{c}")
        m.d.sync += [
            biased.eq(sum_ + bias.as_signed()),
            factor.eq(multiplier),
            scaled.eq(biased * factor),
            code.eq(finish(field, scales, scaled + half)),
        ]
        flags = delay(m, flags, SCALE, f"packing_{c}")
        word = Signal(shape.beat * shape.out_bits, name=f"word_{c}")
        m.d.comb += word.eq(code)
        if shape.beat > 1:
            packed = Signal((shape.beat - 1) * shape.out_bits, name=f"packed_{c}")
            m.d.sync += packed.eq(Cat(code, packed))
            m.d.comb += word.eq(Cat(code, packed))
        memory = Memory(shape=unsigned(len(word)), depth=max(2, self.words), init=[])
        m.submodules[f"results_{c}"] = memory
        writer, reader = memory.write_port(), memory.read_port()
        m.d.comb += [
            writer.en.eq(flags[0]),
            writer.addr.eq(flags[1:]),
            writer.data.eq(word),
            reader.en.eq(1),
            reader.addr.eq(address),
        ]
        return reader.data

    def _leave(self, m, field, words, address, arrived, height):
        """Send a word of every column when the first column's has arrived; say where it belongs."""
        shape = self.shape
        columns = shape.columns
        features = field([task.features for task in self.tasks], "features")
        entries = field([task.entries for task in self.tasks], "entries")
        block_step = self._block_step(field)
        last_word = field([size.words - 1 for size in self.sizes], "last_word")
        waiting = Signal(range(self.words + 1))  # words of the first column
        sending, fresh = Signal(), Signal()  # the next word is the first one of its tile
        column = Signal(range(max(2, columns)))
        word = Signal(range(max(2, self.words)))
        # Where the tile and its block begin; what is left of the features and tokens.
        tile, line, index = (Signal.like(self.index, name=f"index_{k}") for k in range(3))
        block = Signal.like(self.index)
        feature = Signal(range(max(size.task.features for size in self.sizes) + self.height + 1))
        left = Signal(range(max(task.entries for task in self.tasks) + 1))

        now_word = Signal.like(word)
        now_index, now_line = Signal.like(index), Signal.like(index)
        start, active = Signal(), Signal()
        m.d.comb += [
            now_word.eq(Mux(fresh, last_word, word)),
            now_index.eq(Mux(fresh, tile + height - shape.beat, index)),
            now_line.eq(Mux(fresh, tile + height - shape.beat, line)),
            address.eq(now_word),
            start.eq(~sending & (arrived | (waiting != 0))),
            active.eq(start | sending),
        ]
        m.d.sync += waiting.eq(waiting + arrived - start)
        column_ends = column == columns - 1
        with m.If(active):
            m.d.sync += [
                sending.eq(~column_ends),
                fresh.eq(column_ends & (now_word == 0)),
                column.eq(Mux(column_ends, 0, column + 1)),
                word.eq(now_word - column_ends),
                line.eq(now_line - Mux(column_ends, shape.beat, 0)),
                index.eq(Mux(column_ends, now_line - shape.beat, now_index + features)),
            ]
            with m.If(column_ends & (now_word == 0)):
                with m.If(feature + height >= features):
                    m.d.sync += [
                        feature.eq(0),
                        tile.eq(block),
                        block.eq(block + block_step),
                        left.eq(left - columns),
                    ]
                with m.Else():
                    m.d.sync += [feature.eq(feature + height), tile.eq(tile + height)]
        with m.If(self.start):
            m.d.sync += [
                waiting.eq(0),
                sending.eq(0),
                fresh.eq(1),
                column.eq(0),
                tile.eq(0),
                block.eq(block_step),
                feature.eq(0),
                left.eq(entries),
            ]
        used = (column < left) & (feature + now_word * shape.beat < features)
        chosen = delay(m, column, 1, "chosen")
        m.d.sync += self.beat.eq(Array(words)[chosen] if columns > 1 else words[0])
        m.d.comb += [
            self.beat_valid.eq(delay(m, active & used, WRITE, "leaving")),
            self.index.eq(delay(m, now_index, WRITE, "leaving_index")),
        ]

    def _block_step(self, field):
        """Return the elements of a block of tokens."""
        return field([self.shape.columns * task.features for task in self.tasks], "block_step")
