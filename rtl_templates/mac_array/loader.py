"""From codes, token by token, to operands where the array reads them."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.operands import OperandWriter
from rtl_templates.streams.delay import delay

__all__ = ["Loader", "beat_places"]


def beat_places(geometry):
    """Return (inner tile, group of rows) of each beat of a token.

    Raises
    ------
    ValueError
        If beats do not divide a token, or channels of one are not neighbours in a group of rows; a
        beat of one always is.
    """
    size, places = geometry.beat, []
    if geometry.layer.channels % size:
        raise ValueError(f"A beat must divide {geometry.layer.channels}, not {size}")
    where = {
        channel: (k, row)
        for k, tile in enumerate(geometry.inner)
        for row, channel in enumerate(tile.channels)
    }
    for start in range(0, geometry.layer.channels, size):
        tile, row = where[start]
        together = [where[start + j] == (tile, row + j) for j in range(size)]
        if row % size or not all(together):
            raise ValueError(
                f"Channels {start} to {start + size - 1} come in one beat and are no neighbours "
                f"in a group of {size} rows: a beat of one channel takes any order"
            )
        places.append((tile, row // size))
    return places


class Loader(wiring.Component):
    """Rounds codes to the operands of their blocks and writes them, digit by digit.

    Two tensors have room: one is filled while the other is read.  Latency: :attr:`LATENCY` cycles
    from a transfer to the write; ``filled`` comes with its last write.
    Throughput: one beat per cycle while there is room.

    Parameters
    ----------
    geometry : Geometry
    x_bits : int
        Of a code.

    Members
    -------
    i : ``In(stream.Signature(beat * x_bits))``
    filled : ``Out(1)``
        A tensor can be read from the next cycle on.
    release : ``In(1)``
        The oldest tensor has been read.
    w_enable, w_address, w_data : ``Out``
        See :class:`OperandWriter`.
    """

    LATENCY = 1 + OperandWriter.LATENCY
    """Place, operands."""

    def __init__(self, geometry, x_bits):
        self.geometry = geometry
        self.x_bits = x_bits
        self.places = beat_places(geometry)
        self.groups = -(-geometry.rows // geometry.beat)
        self.half = geometry.bases[-1]
        blocks = geometry.layer.blocks
        self.shifts = sorted({block.shift for block in blocks})
        self.writer = OperandWriter(
            rows=geometry.rows,
            beat=geometry.beat,
            x_bits=x_bits,
            shifts=self.shifts,
            depth=2 * self.half,
        )
        super().__init__(
            {
                "i": In(stream.Signature(geometry.beat * x_bits)),
                "filled": Out(1),
                "release": In(1),
                "w_enable": Out(self.writer.w_enable.shape()),
                "w_address": Out(self.writer.w_address.shape()),
                "w_data": Out(self.writer.w_data.shape()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        tokens, count = geometry.layer.tokens, len(self.places)
        place = Signal(range(max(2, count)))
        token = Signal(range(max(2, tokens)))
        half, room = Signal(), Signal(2, init=2)
        takes, ends = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(room != 0),
            takes.eq(self.i.valid & self.i.ready),
            ends.eq(takes & (place == count - 1) & (token == tokens - 1)),
        ]
        m.d.sync += room.eq(room - ends + self.release)
        with m.If(takes):
            m.d.sync += place.eq(place + 1)
            with m.If(place == count - 1):
                m.d.sync += [place.eq(0), token.eq(token + 1)]
        with m.If(ends):
            m.d.sync += [token.eq(0), half.eq(~half)]

        told = self._told(m, place)
        m.submodules.writer = writer = self.writer
        held = Signal.like(token)
        base = Signal.like(half)
        m.d.sync += [
            writer.codes.eq(self.i.payload),
            writer.takes.eq(takes),
            held.eq(token),
            base.eq(half),
        ]
        offset = Mux(told.wide, held, held >> 1)
        m.d.comb += [
            writer.signed.eq(int(geometry.layer.signed)),
            writer.second.eq(held[0]),
            writer.address.eq(told.base + offset + Mux(base, self.half, 0)),
            *(getattr(writer, name).eq(getattr(told, name)) for name in ("wide", "shift", "group")),
            self.filled.eq(delay(m, ends, self.LATENCY, "ends")),
            *(
                getattr(self, name).eq(getattr(writer, name))
                for name in ("w_enable", "w_address", "w_data")
            ),
        ]
        return m

    def _told(self, m, place):
        """Return what is known of the beat's place, a cycle later."""
        geometry = self.geometry
        layout = data.StructLayout(
            {
                "base": range(max(2, self.half)),
                "group": range(max(2, self.groups)),
                "wide": 1,
                "shift": range(max(2, len(self.shifts))),
            }
        )
        words = []
        for tile, group in self.places:
            block = geometry.inner[tile].block
            fields = {
                "base": geometry.bases[tile],
                "group": group,
                "wide": int(block.bits == 8),
                "shift": self.shifts.index(block.shift),
            }
            words.append(layout.const(fields).as_bits())
        memory = Memory(shape=unsigned(layout.size), depth=max(2, len(words)), init=words)
        m.submodules.places = memory
        reader = memory.read_port()
        m.d.comb += [reader.en.eq(1), reader.addr.eq(place)]
        return data.View(layout, reader.data)
