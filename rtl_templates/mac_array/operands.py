"""From codes to digits of operands, and the word and the rows where they are written."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.geometry import FORM, TOKENS

__all__ = ["OperandWriter"]

_WIDE_BITS = 10
"""Of a signed operand of 8 bits before its digits are taken apart, unsigned ones too."""


class OperandWriter(wiring.Component):
    """Rounds the codes of a beat to the operands of their block, digit by digit.

    ``operand = clamp(round_half_up(code / 2**shift))``.  A block of 4 bits fills the first or the
    second digit of a word, one of 8 bits both: signed digits, or unsigned ones less 8.

    Latency: :attr:`LATENCY` cycles.  Throughput: a beat per cycle.  No flow control.

    Parameters
    ----------
    rows, beat : int
        Rows of the array, and those of a beat.
    x_bits : int
        Of a code.
    shifts : sequence of int
        The shifts that there are.
    depth : int
        Words of a row.

    Members
    -------
    takes : ``In(1)``
        There is a beat.
    codes : ``In(beat * x_bits)``
    signed, wide, second, shift : ``In``
        Whether codes are signed; whether operands have 8 bits; whether the token is the second
        of its pair; index of the shift.
    group : ``In``
        The rows of the beat: from ``group * beat`` on.
    single, lane : ``In``
        The first code alone is one, for row ``group * beat + lane``.
    address : ``In``
    w_enable : ``Out(rows * 2)``
        Per row: whether the first digit, the second digit is written.
    w_address, w_data : ``Out``
        ``w_data``: per row of a group both digits.
    """

    LATENCY = 2
    """Rounded, digits."""

    def __init__(self, *, rows, beat, x_bits, shifts, depth):
        self.rows = rows
        self.beat = beat
        self.x_bits = x_bits
        self.shifts = tuple(shifts)
        super().__init__(
            {
                "takes": In(1),
                "codes": In(beat * x_bits),
                "signed": In(1),
                "wide": In(1),
                "second": In(1),
                "shift": In(range(max(2, len(self.shifts)))),
                "group": In(range(max(2, -(-rows // beat)))),
                "single": In(1),
                "lane": In(range(max(2, beat))),
                "address": In(range(max(2, depth))),
                "w_enable": Out(rows * TOKENS),
                "w_address": Out(range(max(2, depth))),
                "w_data": Out(beat * TOKENS * FORM.a.bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        wide, signs, digits = Signal(), Signal(), []
        m.d.sync += [wide.eq(self.wide), signs.eq(self.signed)]
        for j in range(self.beat):
            word = self.codes.word_select(j, self.x_bits)
            if j:
                word = Mux(self.single, self.codes[: self.x_bits], word)
            digits.append(self._digits(m, word, wide, signs, j))
        enable, address = Signal.like(self.w_enable), Signal.like(self.w_address, reset_less=True)
        both = Mux(self.wide, 3, Mux(self.second, 2, 1))
        for row in range(self.rows):
            mine = self.takes & (self.group == row // self.beat)
            mine &= ~self.single | (self.lane == row % self.beat)
            m.d.sync += enable.word_select(row, TOKENS).eq(Mux(mine, both, 0))
        m.d.sync += [
            address.eq(self.address),
            self.w_address.eq(address),
            self.w_enable.eq(enable),
        ]
        m.d.comb += self.w_data.eq(Cat(digits))
        return m

    def _digits(self, m, word, wide, signs, j):
        """Return both digits of a code, two cycles later; ``wide``, ``signs`` come in between."""
        code = Signal(signed(self.x_bits + 1), name=f"code_{j}")
        m.d.comb += code.eq(Cat(word[: self.x_bits], word[self.x_bits - 1] & self.signed))
        rounded = Signal(signed(self.x_bits + 2), name=f"rounded_{j}", reset_less=True)
        value = code
        for index, amount in enumerate(self.shifts):
            moved = (code + ((1 << amount) >> 1)) >> amount
            value = Mux(self.shift == index, moved, value) if index else moved
        m.d.sync += rounded.eq(value)
        narrow, double = (
            Signal(signed(_WIDE_BITS), name=f"{name}_{j}") for name in ("narrow", "double")
        )
        for target, low, high, most in ((narrow, -8, 7, 15), (double, -128, 119, 255)):
            least, largest = Mux(signs, low, 0), Mux(signs, high, most)
            m.d.comb += target.eq(
                Mux(rounded < least, least, Mux(rounded > largest, largest, rounded))
            )
        upper = Signal(4, name=f"upper_{j}")
        m.d.comb += upper.eq((double + Mux(signs, 8, 0)) >> 4)
        both = Signal(TOKENS * FORM.a.bits, name=f"digits_{j}", reset_less=True)
        digits = Mux(wide, Cat(double[:4], upper), narrow[:4].replicate(TOKENS))
        m.d.sync += both.eq(digits ^ Mux(signs, 0, 0x88))
        return both
