"""Rows of tables by number: the memory behind embeddings."""

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField, by_length, per_length, shape_for

__all__ = ["RowTable", "Rows"]


@dataclass(frozen=True)
class RowTable:
    """The tables of one task.

    Parameters
    ----------
    rows
        Codes by row and feature; rows of equal lengths.
    positions
        What is added to the row of the first number, the second, and so on; or nothing.
    low, high
        Limits of a sum.
    """

    rows: tuple[tuple[int, ...], ...]
    positions: tuple[tuple[int, ...], ...] = ()
    low: int = 0
    high: int = 0


class Rows(wiring.Component):
    """``lanes`` features a step of the row that a number picks, maybe moved by its position.

    A number beyond the last row counts as that one.  Steps walk the features of a row from the
    start, and one number after the other.  Latency: 2 cycles, the memory's and one before it.
    Throughput: one step per cycle.  Cost: a read-only memory of ``rows * features`` codes, one of
    the positions; a multiplication by the constant words of a row.

    Parameters
    ----------
    lanes, bits : int
        Features at once, width of a number.
    tables : sequence of RowTable or None
        One per task.
    counts : sequence
        Numbers in a tensor, by task: an integer, or one for each length of it.

    Members
    -------
    task : ``In``
    length : ``In``
        Index of the present tensor's length.
    step : ``In(1)``
        A number is there.
    number : ``In(bits)``
        Unsigned.
    codes : ``Out(lanes * len(shape))``
        Two cycles later; each of ``shape``.
    """

    LATENCY = 2

    def __init__(self, *, lanes, bits, tables, counts):
        self.lanes = lanes
        self.bits = bits
        self.tables = list(tables)
        self.counts = [per_length(count) for count in counts]
        self.lengths = max(map(len, self.counts))
        used = [table for table in self.tables if table is not None]
        if not used:
            raise ValueError("At least one task must have rows")
        for table in used:
            if len(table.rows[0]) % lanes:
                raise ValueError(
                    f"Lanes must divide the {len(table.rows[0])} features of a row, not {lanes}"
                )
        codes = [code for table in used for row in table.rows for code in (min(row), max(row))]
        moves = [code for table in used for row in table.positions for code in (min(row), max(row))]
        self.row_shape = shape_for(min(codes), max(codes))
        self.move_shape = shape_for(min(moves), max(moves)) if moves else None
        limits = [end for table in used if table.positions for end in (table.low, table.high)]
        self.shape = shape_for(min(codes + limits), max(codes + limits))
        super().__init__(
            {
                "task": In(range(max(2, len(self.tables)))),
                "length": In(range(max(2, self.lengths))),
                "step": In(1),
                "number": In(bits),
                "codes": Out(lanes * self.shape.width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        field = TaskField(m, self.task)
        sizes = [len(table.rows[0]) // self.lanes if table else 1 for table in self.tables]
        most = field([len(table.rows) - 1 if table else 0 for table in self.tables], "last_row")
        size = field(sizes, "words_of_a_row")
        number_ends = by_length(
            [
                field(
                    [count[min(k, len(count) - 1)] - 1 for count in self.counts], f"last_number_{k}"
                )
                for k in range(self.lengths)
            ],
            self.length,
        )
        most_numbers = [max(count) for count in self.counts]

        word = Signal(range(max(2, *sizes)))
        number = Signal(range(max(2, *most_numbers)))
        place = Signal(range(max(2, *(s * c for s, c in zip(sizes, most_numbers, strict=True)))))
        row_ends = word == size - 1
        tensor_ends = row_ends & (number == number_ends)
        with m.If(self.step):
            m.d.sync += [
                word.eq(Mux(row_ends, 0, word + 1)),
                place.eq(Mux(tensor_ends, 0, place + 1)),
            ]
            with m.If(row_ends):
                m.d.sync += number.eq(Mux(tensor_ends, 0, number + 1))

        rows, row_bases = self._memory(m, "rows", self.row_shape)
        row = Signal(range(max(2, *(len(t.rows) for t in self.tables if t))))
        address = Signal(range(len(rows.init)))
        every = (1 << self.bits) - 1  # a comparison that is never true is no good Verilog
        complete = all(len(table.rows) > every for table in self.tables if table)
        limited = self.number if complete else Mux(self.number > most, most, self.number)
        m.d.comb += row.eq(limited)
        m.d.sync += address.eq(field(row_bases, "row_base") + row * size + word)
        reader = rows.read_port()
        m.d.comb += [reader.en.eq(1), reader.addr.eq(address)]
        codes = self._lanes(reader.data, self.row_shape)
        if self.move_shape is not None:
            moved, move_bases = self._memory(m, "positions", self.move_shape)
            move_address = Signal(range(len(moved.init)))
            m.d.sync += move_address.eq(field(move_bases, "position_base") + place)
            move_reader = moved.read_port()
            m.d.comb += [move_reader.en.eq(1), move_reader.addr.eq(move_address)]
            moves = field([bool(table and table.positions) for table in self.tables], "moves")
            low = field([table.low if table else 0 for table in self.tables], "low")
            high = field([table.high if table else 0 for table in self.tables], "high")
            sums = []
            for code, move in zip(
                codes, self._lanes(move_reader.data, self.move_shape), strict=True
            ):
                total = code + move
                limited = Mux(total < low, low, Mux(total > high, high, total))
                sums.append(Mux(moves, limited, code))
            codes = sums
        for k, code in enumerate(codes):
            m.d.comb += self.codes.word_select(k, self.shape.width).eq(code)
        return m

    def _lanes(self, word, shape):
        parts = [word.word_select(k, shape.width) for k in range(self.lanes)]
        return [part.as_signed() for part in parts] if shape.signed else parts

    def _memory(self, m, name, shape):
        """Return a memory of the rows of all tasks, and where those of each begin."""
        words, bases = [], []
        mask = (1 << shape.width) - 1
        for table in self.tables:
            bases.append(len(words))
            for row in getattr(table, name) if table else ():
                for start in range(0, len(row), self.lanes):
                    word = 0
                    for code in reversed(row[start : start + self.lanes]):
                        word = word << shape.width | (code & mask)
                    words.append(word)
        words += [0] * (2 - len(words))
        memory = Memory(shape=unsigned(self.lanes * shape.width), depth=len(words), init=words)
        m.submodules[f"{name}_words"] = memory
        return memory, [min(base, len(words) - 1) for base in bases]
