"""From sums of two tokens to requantised beats."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.requantize import finish
from rtl_templates.mac.words import channel_words
from rtl_templates.mac_array.geometry import OUTPUTS
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.credits import CreditQueue
from rtl_templates.streams.delay import delay

__all__ = ["Drain"]


class Drain(wiring.Component):
    """Reads banks of results token by token, requantises them and sends them.

    ``y = clamp((((sum + bias) * multiplier + half) >> shift) + zero)``.  Beats come tile of
    outputs by tile of outputs, token by token in it; ``index`` says where a beat belongs.  Where
    weights have two digits, ``sum`` is ``lower + 15 * upper`` of two sums of a tile of outputs.

    Latency: :attr:`LATENCY` cycles from the read of a result to its offer on ``o``.  Throughput: a
    beat per cycle.  Flow control: a beat is read when the queue has room for it.  Infers
    ``lanes`` multipliers ``acc_bits`` by ``multiplier_bits``.  Digits of weights take no cycle, and
    nothing where no task has them; else, per lane, a choice among ``columns / lanes`` upper sums,
    a register for it and two adders: ``(lower + bias) + (16 * upper - upper)``.

    Parameters
    ----------
    geometries : sequence of Geometry
        Of all tasks, on one array; those from ``alike`` on have the constants of the first ones.
    alike : int
    sum_bits, out_bits : int
        Of what a foot holds; of a code.

    Members
    -------
    task : ``In``
        Stable while there are results.
    tile_ready : ``In(1)``
        From the next cycle on another bank can be read.
    address : ``Out``
        Of all feet: bank and pair.
    results : ``In``
        Of all columns, a cycle later.
    drained : ``Out(1)``
        The last result of a bank is read.
    o : ``Out(stream.Signature(layout))``
        ``data``: ``lanes`` codes, those beyond the last output undefined; ``index``: the first
        one's element of the tensor.
    """

    STAGES = 6
    """Registers from the address to the queue: result, token, lanes, bias, scale, clamp."""
    LATENCY = STAGES + 1

    def __init__(self, geometries, alike, sum_bits, out_bits):
        self.geometries = tuple(geometries)
        self.alike = alike
        self.lanes, self.columns = geometries[0].lanes, geometries[0].columns
        self.pairs = max(geometry.pairs for geometry in geometries)
        self.sum_bits = sum_bits
        self.out_bits = out_bits
        layers = [geometry.layer for geometry in geometries]
        self.acc_bits = max(layer.acc_bits for layer in layers)
        factors = [int(factor) for layer in layers for factor in layer.multipliers]
        self.multiplier_bits = max(1, max(factors).bit_length())
        self.layout = data.StructLayout(
            {
                "data": self.lanes * out_bits,
                "index": range(max(2, *(layer.tokens * layer.outputs for layer in layers))),
            }
        )
        # A credit is away for all stages, and two cycles more in the queue.
        self.queue = CreditQueue(self.layout, self.LATENCY + 2)
        super().__init__(
            {
                "task": In(range(max(2, len(self.geometries)))),
                "tile_ready": In(1),
                "address": Out(range(2 * self.pairs)),
                "results": In(self.columns * 2 * OUTPUTS * sum_bits),
                "drained": Out(1),
                "o": Out(stream.Signature(self.layout)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        geometries, field = self.geometries, TaskField(m, self.task)
        layers = [geometry.layer for geometry in geometries]

        def of_task(what, name):
            return field([what(geometry) for geometry in geometries], name)

        m.submodules.queue = queue = self.queue
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        ready, bank = Signal(2), Signal()
        token = Signal(range(max(2, *(layer.tokens for layer in layers))))
        part = Signal(range(self._parts + 1))
        tile = Signal(range(max(2, *(len(geometry.outer) for geometry in geometries))))
        outputs = of_task(lambda one: one.layer.outputs, "outputs")
        index, line, start = (
            Signal.like(queue.payload.index, name=n) for n in ("index", "line", "start")
        )
        channel, channel_line = (
            Signal(range(max(2, self._words)), name=n) for n in ("channel", "channel_line")
        )
        parts = Signal(range(self._parts + 1))
        final = Signal()
        width = of_task(lambda one: one.width, "width")
        width_beats = of_task(lambda one: one.beats(one.width), "width_beats")
        last_parts = of_task(lambda one: one.beats(one.outer[-1]), "last_parts")
        m.d.comb += [
            final.eq(tile == of_task(lambda one: len(one.outer) - 1, "last_tile")),
            parts.eq(
                Mux(final, last_parts, of_task(lambda one: one.beats(one.outer[0]), "first_parts"))
            ),
        ]
        go, part_ends, token_ends = Signal(), Signal(), Signal()
        m.d.comb += [
            go.eq((ready != 0) & (queue.room != 0)),
            queue.reserve.eq(go),
            part_ends.eq(part == parts - 1),
            token_ends.eq(token == of_task(lambda one: one.layer.tokens - 1, "last_token")),
            self.drained.eq(go & part_ends & token_ends),
            self.address.eq((token >> 1) + Mux(bank, self.pairs, 0)),
        ]
        m.d.sync += ready.eq(ready + self.tile_ready - self.drained)
        with m.If(go):
            m.d.sync += [
                part.eq(part + 1),
                index.eq(index + self.lanes),
                channel.eq(channel + 1),
            ]
            with m.If(part_ends):
                m.d.sync += [
                    part.eq(0),
                    token.eq(token + 1),
                    line.eq(line + outputs),
                    index.eq(line + outputs),
                    channel.eq(channel_line),
                ]
        with m.If(self.drained):
            begin = Mux(final, 0, start + width)
            words = Mux(final, 0, channel_line + width_beats)
            m.d.sync += [
                *(token.eq(0), bank.eq(~bank), tile.eq(Mux(final, 0, tile + 1))),
                *(start.eq(begin), line.eq(begin), index.eq(begin)),
                *(channel_line.eq(words), channel.eq(words)),
            ]
        sums = self._sums(m, field, token, part)
        codes = self._requantise(m, field, sums, delay(m, channel, 2, "channel"))
        m.d.comb += [
            queue.push.eq(delay(m, go, self.STAGES, "go")),
            queue.payload.data.eq(Cat(codes)),
            queue.payload.index.eq(delay(m, index, self.STAGES, "index")),
        ]
        return m

    @property
    def _parts(self):
        return OUTPUTS * self.columns // self.lanes

    @property
    def _words(self):
        return sum(map(_beats, self.geometries[: self.alike]))

    def _sums(self, m, field, token, part):
        """Return the sums of each lane's digits, three cycles after its address."""
        bits = self.sum_bits
        second = delay(m, token[0], 1, "second")
        mine = []
        for k in range(self.columns):
            pair = self.results.word_select(k, 2 * OUTPUTS * bits)
            word = Signal(OUTPUTS * bits, name=f"word_{k}", reset_less=True)
            m.d.sync += word.eq(Mux(second, pair.word_select(1, len(word)), pair[: len(word)]))
            mine.append(word)
        part = delay(m, part, 2, "part")
        places = Cat(mine)
        lower = self._chosen(m, places, part, "lower")
        digits = [geometry.layer.digits for geometry in self.geometries]
        if max(digits) == 1:
            return [(total,) for total in lower]
        two = field([count == 2 for count in digits], "two_digits")
        upper = self._chosen(m, places[len(places) // 2 :], part, "upper", two)
        return list(zip(lower, upper, strict=True))

    def _chosen(self, m, places, part, name, there=None):
        """Return a sum per lane from a part of all places, a cycle later; 0 unless ``there``."""
        chosen = Signal(self.lanes * self.sum_bits, name=name, reset_less=True)
        value = places.word_select(part, len(chosen))
        if there is not None:
            value = Mux(there, value, 0)
        m.d.sync += chosen.eq(value)
        return [chosen.word_select(j, self.sum_bits).as_signed() for j in range(self.lanes)]

    def _requantise(self, m, field, sums, channel):
        """Return the codes, three cycles after the sums, whose channel was known a cycle before."""
        bits, lane = self.acc_bits, self.acc_bits + self.multiplier_bits
        scales = [geometry.layer.scale for geometry in self.geometries]
        half = field([scale.half for scale in scales], "half")
        firsts = [0]
        for geometry in self.geometries[: self.alike]:
            firsts.append(firsts[-1] + _beats(geometry))
        first = field([firsts[k % self.alike] for k in range(len(scales))], "first_channel")
        memory = Memory(
            shape=unsigned(self.lanes * lane), depth=max(2, self._words), init=self._channels()
        )
        m.submodules.channels = memory
        reader = memory.read_port()
        m.d.comb += [reader.en.eq(1), reader.addr.eq(channel + first)]
        codes = []
        for j, (lower, *upper) in enumerate(sums):
            constants = reader.data.word_select(j, lane)
            biased = Signal(signed(bits), name=f"biased_{j}", reset_less=True)
            factor = Signal(self.multiplier_bits, name=f"factor_{j}", reset_less=True)
            scaled = Signal(signed(lane), name=f"scaled_{j}", reset_less=True)
            code = Signal(self.out_bits, name=f"code_{j}", reset_less=True)
            total = lower + constants[:bits].as_signed()
            for digit in upper:
                total = total + ((digit << 4) - digit)  # RADIX times
            m.d.sync += [
                biased.eq(total),
                factor.eq(constants[bits:]),
                scaled.eq(biased * factor),
                code.eq(finish(field, scales, scaled + half)),
            ]
            codes.append(code)
        return codes

    def _channels(self):
        """Return a word per beat of a token, task by task, tile by tile, filled with zeros."""
        words = []
        for geometry in self.geometries[: self.alike]:
            layer, start = geometry.layer, 0
            for outputs in geometry.outer:
                fill = -outputs % self.lanes
                here = range(start, start + outputs)
                words += channel_words(
                    [int(layer.biases[o]) + layer.offset(o) for o in here] + [0] * fill,
                    [int(layer.multipliers[o]) for o in here] + [0] * fill,
                    lanes=self.lanes,
                    bias_bits=self.acc_bits,
                    multiplier_bits=self.multiplier_bits,
                )
                start += outputs
        return words


def _beats(geometry):
    """Return the beats of a token."""
    return sum(geometry.beats(outputs) for outputs in geometry.outer)
