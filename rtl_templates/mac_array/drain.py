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
    outputs by tile of outputs, token by token in it; ``index`` says where a beat belongs.

    Latency: :attr:`LATENCY` cycles from the read of a result to its offer on ``o``.  Throughput: a
    beat per cycle.  Flow control: a beat is read when the queue has room for it.  Infers
    ``lanes`` multipliers ``acc_bits`` by ``multiplier_bits``.

    Parameters
    ----------
    geometry : Geometry
    acc_bits, out_bits : int

    Members
    -------
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

    def __init__(self, geometry, acc_bits, out_bits):
        self.geometry = geometry
        self.acc_bits = acc_bits
        self.out_bits = out_bits
        layer = geometry.layer
        self.multiplier_bits = max(1, max(int(f) for f in layer.multipliers).bit_length())
        self.layout = data.StructLayout(
            {
                "data": geometry.lanes * out_bits,
                "index": range(max(2, layer.tokens * layer.outputs)),
            }
        )
        # A credit is away for all stages, and two cycles more in the queue.
        self.queue = CreditQueue(self.layout, self.LATENCY + 2)
        super().__init__(
            {
                "tile_ready": In(1),
                "address": Out(range(2 * geometry.pairs)),
                "results": In(geometry.columns * 2 * OUTPUTS * acc_bits),
                "drained": Out(1),
                "o": Out(stream.Signature(self.layout)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        layer, outer = geometry.layer, geometry.outer
        m.submodules.queue = queue = self.queue
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        ready, bank = Signal(2), Signal()
        token, part = Signal(range(max(2, layer.tokens))), Signal(range(self._parts + 1))
        tile = Signal(range(max(2, len(outer))))
        index, line, start = (
            Signal.like(queue.payload.index, name=n) for n in ("index", "line", "start")
        )
        channel, channel_line = (
            Signal(range(max(2, self._words)), name=n) for n in ("channel", "channel_line")
        )
        parts = Signal(range(self._parts + 1))
        m.d.comb += parts.eq(
            Mux(tile == len(outer) - 1, geometry.beats(outer[-1]), geometry.beats(outer[0]))
        )
        go, part_ends, token_ends = Signal(), Signal(), Signal()
        m.d.comb += [
            go.eq((ready != 0) & (queue.room != 0)),
            queue.reserve.eq(go),
            part_ends.eq(part == parts - 1),
            token_ends.eq(token == layer.tokens - 1),
            self.drained.eq(go & part_ends & token_ends),
            self.address.eq((token >> 1) + Mux(bank, geometry.pairs, 0)),
        ]
        m.d.sync += ready.eq(ready + self.tile_ready - self.drained)
        with m.If(go):
            m.d.sync += [
                part.eq(part + 1),
                index.eq(index + geometry.lanes),
                channel.eq(channel + 1),
            ]
            with m.If(part_ends):
                m.d.sync += [
                    part.eq(0),
                    token.eq(token + 1),
                    line.eq(line + layer.outputs),
                    index.eq(line + layer.outputs),
                    channel.eq(channel_line),
                ]
        with m.If(self.drained):
            width = OUTPUTS * geometry.columns
            final = tile == len(outer) - 1
            begin = Mux(final, 0, start + width)
            words = Mux(final, 0, channel_line + geometry.beats(width))
            m.d.sync += [
                *(token.eq(0), bank.eq(~bank), tile.eq(Mux(final, 0, tile + 1))),
                *(start.eq(begin), line.eq(begin), index.eq(begin)),
                *(channel_line.eq(words), channel.eq(words)),
            ]
        sums = self._sums(m, token, part)
        codes = self._requantise(m, sums, delay(m, channel, 2, "channel"))
        m.d.comb += [
            queue.push.eq(delay(m, go, self.STAGES, "go")),
            queue.payload.data.eq(Cat(codes)),
            queue.payload.index.eq(delay(m, index, self.STAGES, "index")),
        ]
        return m

    @property
    def _parts(self):
        return self.geometry.beats(OUTPUTS * self.geometry.columns)

    @property
    def _words(self):
        return sum(self.geometry.beats(outputs) for outputs in self.geometry.outer)

    def _sums(self, m, token, part):
        """Return the sums of a beat, three cycles after its address."""
        geometry, bits = self.geometry, self.acc_bits
        second = delay(m, token[0], 1, "second")
        mine = []
        for k in range(geometry.columns):
            pair = self.results.word_select(k, 2 * OUTPUTS * bits)
            word = Signal(OUTPUTS * bits, name=f"word_{k}", reset_less=True)
            m.d.sync += word.eq(Mux(second, pair.word_select(1, len(word)), pair[: len(word)]))
            mine.append(word)
        part = delay(m, part, 2, "part")
        chosen = Signal(geometry.lanes * bits, reset_less=True)
        m.d.sync += chosen.eq(Cat(mine).word_select(part, len(chosen)))
        return [chosen.word_select(j, bits).as_signed() for j in range(geometry.lanes)]

    def _requantise(self, m, sums, channel):
        """Return the codes, three cycles after the sums, whose channel was known a cycle before."""
        geometry, bits = self.geometry, self.acc_bits
        layer, lane = geometry.layer, bits + self.multiplier_bits
        memory = Memory(
            shape=unsigned(geometry.lanes * lane), depth=max(2, self._words), init=self._channels()
        )
        m.submodules.channels = memory
        reader = memory.read_port()
        m.d.comb += [reader.en.eq(1), reader.addr.eq(channel)]
        field = TaskField(m, None)
        codes = []
        for j, total in enumerate(sums):
            constants = reader.data.word_select(j, lane)
            biased = Signal(signed(bits), name=f"biased_{j}", reset_less=True)
            factor = Signal(self.multiplier_bits, name=f"factor_{j}", reset_less=True)
            scaled = Signal(signed(lane), name=f"scaled_{j}", reset_less=True)
            code = Signal(self.out_bits, name=f"code_{j}", reset_less=True)
            m.d.sync += [
                biased.eq(total + constants[:bits].as_signed()),
                factor.eq(constants[bits:]),
                scaled.eq(biased * factor),
                code.eq(finish(field, [layer.scale], scaled + layer.scale.half)),
            ]
            codes.append(code)
        return codes

    def _channels(self):
        """Return a word per beat of a token: tile by tile, the last ones filled with zeros."""
        geometry = self.geometry
        layer, words, start = geometry.layer, [], 0
        for outputs in geometry.outer:
            fill = -outputs % geometry.lanes
            here = range(start, start + outputs)
            words += channel_words(
                [int(layer.biases[o]) + layer.offset(o) for o in here] + [0] * fill,
                [int(layer.multipliers[o]) for o in here] + [0] * fill,
                lanes=geometry.lanes,
                bias_bits=self.acc_bits,
                multiplier_bits=self.multiplier_bits,
            )
            start += outputs
        return words
