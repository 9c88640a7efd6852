"""From codes, token by token, to operands where the array reads them."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.geometry import FORM, TOKENS

__all__ = ["Loader", "beat_places"]


def beat_places(geometry):
    """Return (inner tile, group of rows) of each beat of a token.

    Raises
    ------
    ValueError
        If channels of a beat are not neighbours in a group of rows; a beat of one always is.
    """
    where = {
        channel: (k, row)
        for k, tile in enumerate(geometry.inner)
        for row, channel in enumerate(tile.channels)
    }
    size, places = geometry.beat, []
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
        See :class:`rtl_templates.mac_array.edge.Edge`.
    """

    LATENCY = 3
    """Place, rounded, digits."""

    def __init__(self, geometry, x_bits):
        self.geometry = geometry
        self.x_bits = x_bits
        self.places = beat_places(geometry)
        self.groups = -(-geometry.rows // geometry.beat)
        self.half = geometry.bases[-1]
        blocks = geometry.layer.blocks
        self.shifts = sorted({block.shift for block in blocks})
        super().__init__(
            {
                "i": In(stream.Signature(geometry.beat * x_bits)),
                "filled": Out(1),
                "release": In(1),
                "w_enable": Out(self.groups * TOKENS),
                "w_address": Out(range(max(2, 2 * self.half))),
                "w_data": Out(geometry.beat * TOKENS * FORM.a.bits),
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
        codes, now, ended = self._follow(m, takes, ends, token, half)
        digits = self._digits(m, told, codes)
        self._write(m, told, now, digits)
        m.d.comb += self.filled.eq(ended)
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

    def _follow(self, m, takes, ends, token, half):
        """Return codes and control with the place, and the end of a tensor once it is written."""
        codes = Signal(len(self.i.payload), reset_less=True)
        now = Signal(data.StructLayout({"takes": 1, "token": len(token), "half": 1}))
        m.d.sync += [
            codes.eq(self.i.payload),
            now.takes.eq(takes),
            now.token.eq(token),
            now.half.eq(half),
        ]
        for k in range(self.LATENCY):
            later = Signal(name=f"ends_{k}")
            m.d.sync += later.eq(ends)
            ends = later
        return codes, now, ends

    def _digits(self, m, told, codes):
        """Return both digits of each code, three cycles after the transfer."""
        layer, result = self.geometry.layer, []
        wide = Signal()
        m.d.sync += wide.eq(told.wide)
        for j in range(self.geometry.beat):
            code = codes.word_select(j, self.x_bits)
            code = code.as_signed() if layer.signed else code
            rounded = Signal(signed(self.x_bits + 2), name=f"rounded_{j}", reset_less=True)
            value = code
            for index, amount in enumerate(self.shifts):
                moved = (code + ((1 << amount) >> 1)) >> amount
                value = Mux(told.shift == index, moved, value) if index else moved
            m.d.sync += rounded.eq(value)
            narrow, double = (self._clamped(m, rounded, bits) for bits in (4, 8))
            both = Signal(2 * FORM.a.bits, name=f"digits_{j}", reset_less=True)
            if layer.signed:
                upper = (double + 8) >> 4
                m.d.sync += both.eq(
                    Mux(wide, Cat(double[:4], upper[:4]), Cat(narrow[:4], narrow[:4]))
                )
            else:  # less 8 in each digit
                m.d.sync += both.eq(Mux(wide, double, Cat(narrow[:4], narrow[:4])) ^ 0x88)
            result.append(both)
        return result

    def _clamped(self, m, value, bits):
        """Return a rounded code as an operand of so many bits."""
        layer = self.geometry.layer
        if all(block.bits != bits for block in layer.blocks):
            return value
        (block,) = [block for block in layer.blocks if block.bits == bits][:1]
        low, high = block.operands(layer.signed)
        return Mux(value < low, low, Mux(value > high, high, value))

    def _write(self, m, told, now, digits):
        """Address and enables of the digits, which come two cycles after the place."""
        address = Signal.like(self.w_address, reset_less=True)
        offset = Mux(told.wide, now.token, now.token >> 1)
        enable, enabled = Signal.like(self.w_enable), Signal.like(self.w_enable)
        second = now.token[0]
        for group in range(self.groups):
            mine = now.takes & (told.group == group)
            m.d.comb += enable.word_select(group, TOKENS).eq(
                Mux(mine, Mux(told.wide, 3, Mux(second, 2, 1)), 0)
            )
        m.d.sync += [
            address.eq(told.base + offset + Mux(now.half, self.half, 0)),
            enabled.eq(enable),
            self.w_address.eq(address),
            self.w_enable.eq(enabled),
        ]
        m.d.comb += self.w_data.eq(Cat(digits))
