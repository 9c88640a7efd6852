"""From a shared buffer to operands where the array reads them, tile by tile."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.operands import OperandWriter
from rtl_templates.mac_array.reads import tile_reads
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay

__all__ = ["Fetch"]


class Fetch(wiring.Component):
    """Reads the tokens of a task for one inner tile after the other, and writes their operands.

    A pass can begin as soon as its tile is there.  Latency: the first read in the cycle after
    ``start``, :attr:`LATENCY` cycles from a read to its write; ``filled`` comes with a tile's
    last write.  Throughput: a read per cycle; it never waits.

    Parameters
    ----------
    geometries : sequence of Geometry
        Of all tasks; the tiles of those from ``alike`` on are those of the first ones.
    alike : int
    x_bits : int
        Of a code, extended by its own sign.

    Members
    -------
    task, start : ``In``
        ``task`` is stable from two cycles before ``start`` on.
    address : ``Out``
        Element of the task's input that is read in this cycle.
    data : ``In(beat * x_bits)``
        ``beat`` codes from there on, in the next cycle; those of padding rows undefined.
    filled : ``Out(1)``
        Another inner tile can be read from the next cycle on.
    w_enable, w_address, w_data : ``Out``
        See :class:`OperandWriter`.
    """

    LATENCY = 1 + OperandWriter.LATENCY
    """The buffer's read, operands."""

    def __init__(self, geometries, alike, x_bits):
        self.geometries = geometries
        self.alike = alike
        self.x_bits = x_bits
        one = geometries[0]
        blocks = [block for geometry in geometries for block in geometry.layer.blocks]
        self.shifts = sorted({block.shift for block in blocks})
        self.writer = OperandWriter(
            rows=one.rows,
            beat=one.beat,
            x_bits=x_bits,
            shifts=self.shifts,
            depth=max(geometry.bases[-1] for geometry in geometries),
        )
        self.groups = -(-one.rows // one.beat)
        self.channels = max(geometry.layer.channels for geometry in geometries)
        most = max(g.layer.tokens * g.layer.channels for g in geometries)
        super().__init__(
            {
                "task": In(range(max(2, len(geometries)))),
                "start": In(1),
                "address": Out(range(max(2, most))),
                "data": In(one.beat * x_bits),
                "filled": Out(1),
                "w_enable": Out(self.writer.w_enable.shape()),
                "w_address": Out(self.writer.w_address.shape()),
                "w_data": Out(self.writer.w_data.shape()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.writer = writer = self.writer
        geometries, field = self.geometries, TaskField(m, self.task)
        layout, words, firsts = self._entries()
        memory = Memory(shape=unsigned(layout.size), depth=max(2, len(words)), init=words)
        m.submodules.entries = memory
        reader = memory.read_port()
        entry = data.View(layout, reader.data)
        here, following, origin = (
            Signal(range(max(2, len(words) + 1)), name=n) for n in ("here", "following", "origin")
        )
        tokens = max(geometry.layer.tokens for geometry in geometries)
        running, token = Signal(), Signal(range(max(2, tokens)))
        line, base = Signal.like(self.address), Signal.like(self.w_address)
        token_ends, tile_ends = Signal(), Signal()
        first = field([firsts[k % self.alike] for k in range(len(geometries))], "first")
        last_token = field([g.layer.tokens - 1 for g in geometries], "last_token")
        pitch = field([geometry.layer.channels for geometry in geometries], "pitch")
        steps = [field([g.steps(wide) for g in geometries], f"s_{wide}") for wide in (0, 1)]
        m.d.comb += [
            token_ends.eq(entry.last & (token == last_token)),
            tile_ends.eq(running & token_ends),
            following.eq(
                Mux(
                    self.start,
                    first,
                    Mux(~running, here, Mux(entry.last & ~token_ends, origin, here + 1)),
                )
            ),
            reader.en.eq(1),
            reader.addr.eq(following),
            self.address.eq(line + entry.channel),
        ]
        m.d.sync += here.eq(following)
        with m.If(self.start):
            m.d.sync += [running.eq(1), origin.eq(first), token.eq(0), line.eq(0), base.eq(0)]
        with m.Elif(tile_ends):
            m.d.sync += [
                *(token.eq(0), line.eq(0), origin.eq(here + 1), running.eq(~entry.ends)),
                base.eq(base + Mux(entry.wide, steps[1], steps[0])),
            ]
        with m.Elif(running & entry.last):
            m.d.sync += [token.eq(token + 1), line.eq(line + pitch)]

        m.d.sync += [
            writer.takes.eq(running),
            writer.second.eq(token[0]),
            writer.address.eq(base + Mux(entry.wide, token, token >> 1)),
            *(
                getattr(writer, name).eq(getattr(entry, name))
                for name in ("wide", "shift", "group", "single", "lane")
            ),
        ]
        m.d.comb += [
            writer.codes.eq(self.data),
            writer.signed.eq(field([g.layer.signed for g in geometries], "signed")),
            self.filled.eq(delay(m, tile_ends, self.LATENCY, "tile_ends")),
            *(
                getattr(self, name).eq(getattr(writer, name))
                for name in ("w_enable", "w_address", "w_data")
            ),
        ]
        return m

    def _entries(self):
        """Return the layout of a read's entry, all of them, and the first one of each task."""
        beat = self.geometries[0].beat
        layout = data.StructLayout(
            {
                "channel": range(max(2, self.channels)),
                "group": range(max(2, self.groups)),
                "single": 1,
                "lane": range(max(2, beat)),
                "wide": 1,
                "shift": range(max(2, len(self.shifts))),
                "last": 1,  # read of a token
                "ends": 1,  # the last one of the task's tokens
            }
        )
        words, firsts = [], []
        for geometry in self.geometries[: self.alike]:
            firsts.append(len(words))
            for number, tile in enumerate(geometry.inner, start=1):
                reads = tile_reads(tile.channels, beat)
                for k, (channel, group, lane) in enumerate(reads):
                    fields = {
                        "channel": channel,
                        "group": group,
                        "single": lane is not None,
                        "lane": lane or 0,
                        "wide": tile.wide,
                        "shift": self.shifts.index(tile.block.shift),
                        "last": k == len(reads) - 1,
                        "ends": k == len(reads) - 1 and number == len(geometry.inner),
                    }
                    fields = {name: int(value) for name, value in fields.items()}
                    words.append(layout.const(fields).as_bits())
        return layout, words, firsts
