"""The left edge of the array: operands and weights of all rows, along the diagonal."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.geometry import FORM, TOKENS
from rtl_templates.mac_array.tile import digit_bits

__all__ = ["Edge"]


class Edge(wiring.Component):
    """A memory of operands and one of weights per row, read a cycle later in each row.

    Latency: :attr:`LATENCY` cycles from an address to row 0 of ``a`` and ``w``, and a cycle more
    per row.  Throughput: one step and one item of weights per cycle.  An operand is written in
    the cycle of ``w_enable``, and is read from the next one on.

    Parameters
    ----------
    weights : sequence of sequence of int
        Per row its words, in the order of the trains.
    depth : int
        Words of operands.
    beat : int
        Rows that are written at once.

    Members
    -------
    address, load_address : ``In``
    swap, load : ``In(1)``
        See :class:`rtl_templates.mac_array.grid.TileGrid`.
    w_enable : ``In(rows * 2)``
        Per row: whether the first digit, the second digit is written.
    w_address : ``In``
    w_data : ``In(beat * 2 * 4)``
        Per row of a group of ``beat`` rows both digits, each signed.
    a, w, swap_o, load_o : ``Out``
        For the grid.
    """

    LATENCY = 3
    """Read, operand, digits."""

    def __init__(self, weights, depth, beat):
        self.rows = len(weights)
        self.weights = [list(words) for words in weights]
        self.depth = depth
        self.beat = beat
        self.a_bits = sum(digit_bits(FORM.a, TOKENS))
        self.w_bits = sum(digit_bits(FORM.w, FORM.counts[1]))
        super().__init__(
            {
                "address": In(range(max(2, depth))),
                "load_address": In(range(max(2, len(self.weights[0])))),
                "swap": In(1),
                "load": In(1),
                "w_enable": In(self.rows * TOKENS),
                "w_address": In(range(max(2, depth))),
                "w_data": In(beat * TOKENS * FORM.a.bits),
                "a": Out(self.rows * self.a_bits),
                "w": Out(self.rows * self.w_bits),
                "swap_o": Out(self.rows),
                "load_o": Out(self.rows),
            }
        )

    def elaborate(self, platform):
        m = Module()
        flags = Cat(self.swap, self.load)
        for _ in range(self.LATENCY):
            flags = self._later(m, flags, "flags", reset_less=False)
        address, load_address = self.address, self.load_address
        for r in range(self.rows):
            if r:
                address = self._later(m, address, f"address_{r}")
                load_address = self._later(m, load_address, f"load_address_{r}")
                flags = self._later(m, flags, f"flags_{r}", reset_less=False)
            m.d.comb += [
                self.a.word_select(r, self.a_bits).eq(self._operands(m, r, address)),
                self.w.word_select(r, self.w_bits).eq(self._weights(m, r, load_address)),
                self.swap_o[r].eq(flags[0]),
                self.load_o[r].eq(flags[1]),
            ]
        return m

    def _operands(self, m, r, address):
        """Return the digits that a row multiplies."""
        bits = FORM.a.bits
        numbers = []
        for k in range(TOKENS):
            memory = Memory(shape=unsigned(bits), depth=max(2, self.depth), init=[])
            m.submodules[f"operands_{r}_{k}"] = memory
            writer, reader = memory.write_port(), memory.read_port()
            m.d.comb += [
                writer.en.eq(self.w_enable[r * TOKENS + k]),
                writer.addr.eq(self.w_address),
                writer.data.eq(self.w_data.word_select((r % self.beat) * TOKENS + k, bits)),
                reader.en.eq(1),
                reader.addr.eq(address),
            ]
            numbers.append(self._later(m, reader.data, f"operand_{r}_{k}").as_signed())
        parts, borrow = [], 0
        for k, (number, width) in enumerate(zip(numbers, digit_bits(FORM.a, TOKENS), strict=True)):
            digit = Signal(width, name=f"digit_{r}_{k}", reset_less=True)
            m.d.sync += digit.eq(number - borrow)
            parts.append(digit)
            borrow = number[-1]
        return Cat(parts)

    def _weights(self, m, r, address):
        words = self.weights[r]
        memory = Memory(shape=unsigned(self.w_bits), depth=max(2, len(words)), init=words)
        m.submodules[f"weights_{r}"] = memory
        reader = memory.read_port()
        m.d.comb += [reader.en.eq(1), reader.addr.eq(address)]
        data = reader.data
        for _ in range(self.LATENCY - 1):
            data = self._later(m, data, f"weights_{r}")
        return data

    @staticmethod
    def _later(m, value, name, *, reset_less=True):
        later = Signal(value.shape(), name=name, reset_less=reset_less)
        m.d.sync += later.eq(value)
        return later
