"""Operands of the array's rows or columns: a small memory for each, read along a diagonal."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["TileBuffer"]


class TileBuffer(wiring.Component):
    """``count`` memories of words of ``lanes`` elements, and a skewed reader.

    A step asks for one element of every memory; memory k answers k cycles after memory 0.
    Latency: ``LATENCY`` cycles from a step to memory 0's operand.  Throughput: one step and one
    written beat per cycle.  A beat fills a word of one memory, or (``spread``) is dealt out to
    the memories of a group of ``lanes``, ``span`` elements each, ``count`` apart in the beat: the
    transposition of operands that lie the other way round.

    Parameters
    ----------
    count : int
        Rows or columns.
    words : int
        Words of each memory.
    lanes, bits : int
        Elements of a word, and their width.
    out_bits : int
        Width of a signed operand: ``bits``, or one more if some tasks' codes are unsigned.
    tags : int
        Bits that travel beside each operand.
    span : int
        Elements that ``spread`` puts side by side; 0 if it is never used.
    together : sequence of (int, int)
        Ways in which a beat can hold words of several memories: how many, and the elements of
        each; a group of memories takes them, the first ones first.
    rom : sequence of sequence of int, optional
        A further memory per row, of signed ``rom_bits``, read with ``rom_address`` when
        ``from_rom``.

    Members
    -------
    word, lane : ``In``
        Which element this step reads.
    from_rom, rom_address : ``In``
    is_signed : ``In(1)``
        Whether the codes are signed; stable.
    tag : ``In(tags)``
    operands : ``Out(count * out_bits)``
    tags_o : ``Out(count * tags)``
    w_enable : ``In(count)``
        Memories that the beat goes to.
    w_word : ``In``
    w_spread, w_lane : ``In``
    w_joined : ``In``
        Which of ``together`` the beat is, from 1 on; 0: none.
    w_data : ``In(lanes * bits)``
    """

    LATENCY = 3

    def __init__(
        self,
        *,
        count,
        words,
        lanes,
        bits,
        out_bits,
        tags=0,
        span=0,
        together=(),
        rom=(),
        rom_bits=1,
    ):
        self.count = count
        self.words = max(2, words)
        self.lanes = lanes
        self.bits = bits
        self.out_bits = out_bits
        self.tags = max(1, tags)  # a vector of no bits is no legal Verilog
        self.span = span
        self.together = tuple(together)
        self.rom = [list(line) for line in rom]
        self.rom_bits = rom_bits
        depth = max(2, len(self.rom[0])) if self.rom else 2
        super().__init__(
            {
                "word": In(range(self.words)),
                "lane": In(range(max(2, lanes))),
                "from_rom": In(1),
                "rom_address": In(range(depth)),
                "is_signed": In(1),
                "tag": In(self.tags),
                "operands": Out(count * out_bits),
                "tags_o": Out(count * self.tags),
                "w_enable": In(count),
                "w_word": In(range(self.words)),
                "w_spread": In(1),
                "w_lane": In(range(max(2, lanes))),
                "w_joined": In(range(len(self.together) + 2)),
                "w_data": In(lanes * bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        mask = Signal(self.lanes)
        m.d.comb += mask.eq(~0)
        if self.span:
            with m.If(self.w_spread):
                m.d.comb += mask.eq(((1 << self.span) - 1) << self.w_lane)
        step = Cat(self.word, self.lane, self.from_rom, self.rom_address, self.tag)
        for k in range(self.count):
            later = Signal(len(step), name=f"step_{k}")
            m.d.sync += later.eq(step)
            step = later
            self._memory(m, k, step, mask)
        return m

    def _memory(self, m, k, step, mask):
        """Read memory ``k`` with a step that has come to it, and write its part of a beat."""
        word, lane, from_rom, rom_address, tag = self._fields(step)
        memory = Memory(shape=unsigned(self.lanes * self.bits), depth=self.words, init=[])
        m.submodules[f"memory_{k}"] = memory
        writer = memory.write_port(granularity=self.bits)
        own = Cat(
            self.w_data.word_select((u * self.count + k) % self.lanes, self.bits)
            for u in range(self.span)
        ).replicate(self.lanes // max(1, self.span))
        data = self.w_data
        for number, (count, elements) in enumerate(self.together, 1):
            part = self.w_data.word_select(k % count, elements * self.bits)
            data = Mux(self.w_joined == number, Cat(part, data[len(part) :]), data)
        m.d.comb += [
            writer.addr.eq(self.w_word),
            writer.data.eq(Mux(self.w_spread, own, data) if self.span else data),
            writer.en.eq(Mux(self.w_enable[k], mask, 0)),
        ]
        reader = memory.read_port()
        m.d.comb += [reader.en.eq(1), reader.addr.eq(word)]
        lane_q, tag_q, tag_o = (
            Signal(len(lane), name=f"lane_{k}"),
            Signal(self.tags, name=f"tag_{k}"),
            Signal(self.tags, name=f"tag_o_{k}"),
        )
        m.d.sync += [lane_q.eq(lane), tag_q.eq(tag), tag_o.eq(tag_q)]
        codes = [reader.data.word_select(e, self.bits) for e in range(self.lanes)]
        code = Signal(self.bits, name=f"code_{k}")
        m.d.comb += code.eq(Array(codes)[lane_q] if self.lanes > 1 else codes[0])
        value = Cat(code, code[-1] & self.is_signed).as_signed()
        if self.rom:
            rom = Memory(
                shape=signed(self.rom_bits), depth=max(2, len(self.rom[k])), init=self.rom[k]
            )
            m.submodules[f"rom_{k}"] = rom
            port = rom.read_port()
            chosen = Signal(name=f"from_rom_{k}")
            m.d.sync += chosen.eq(from_rom)
            m.d.comb += [port.en.eq(1), port.addr.eq(rom_address)]
            value = Mux(chosen, port.data, value)
        operand = Signal(signed(self.out_bits), name=f"operand_{k}")
        m.d.sync += operand.eq(value)
        m.d.comb += [
            self.operands.word_select(k, self.out_bits).eq(operand),
        ]
        if self.tags:
            m.d.comb += self.tags_o.word_select(k, self.tags).eq(tag_o)

    def _fields(self, step):
        """Return the parts of a step."""
        parts, at = [], 0
        for signal in (self.word, self.lane, self.from_rom, self.rom_address, self.tag):
            parts.append(step[at : at + len(signal)])
            at += len(signal)
        return parts
