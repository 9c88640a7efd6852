"""Tables over codes: one read-only memory that every lane reads."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField, shape_for

__all__ = ["Lookup"]


class Lookup(wiring.Component):
    """``result[k] = table[code[k]]`` in every lane, with the table of the present task.

    Latency: 1 cycle.  Throughput: one lookup per lane and cycle.  Cost: the tables lie in one
    memory with a read port per lane; synthesis makes a copy for each lane, or for each two where
    block RAM has two ports (a table of 256 words of 8 bits is small enough for LUTs too).

    Parameters
    ----------
    lanes, bits : int
        Codes at once, and their width.
    tables : sequence of sequence of int
        Per task: results by the raw bits of a code, as many as a power of two; empty where a
        task has no table.

    Members
    -------
    task : ``In``
        Stable from two cycles before the first code.
    codes : ``In(lanes * bits)``
        Codes narrower than ``bits`` are extended in any way.
    results : ``Out(lanes * len(shape))``
        One cycle later; each of ``shape``.
    """

    def __init__(self, *, lanes, bits, tables):
        self.lanes = lanes
        self.bits = bits
        self.tables = [list(table) for table in tables]
        for table in self.tables:
            if len(table) & (len(table) - 1) or len(table) > 1 << bits:
                raise ValueError(
                    f"Tables must have a power of two words up to {1 << bits}, not {len(table)}"
                )
        # Large ones first: then each starts at a multiple of its size.
        order = sorted(range(len(self.tables)), key=lambda k: -len(self.tables[k]))
        self.bases = [0] * len(self.tables)
        self.words = []
        for k in order:
            self.bases[k] = len(self.words) if self.tables[k] else 0
            self.words += self.tables[k]
        if not self.words:
            raise ValueError("At least one task must have a table")
        self.shape = shape_for(min(self.words), max(self.words))
        super().__init__(
            {
                "task": In(range(max(2, len(self.tables)))),
                "codes": In(lanes * bits),
                "results": Out(lanes * self.shape.width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.table = memory = Memory(
            shape=self.shape, depth=max(2, len(self.words)), init=self.words
        )
        field = TaskField(m, self.task)
        base = field(self.bases, "base")
        mask = field([max(0, len(table) - 1) for table in self.tables], "mask")
        for k in range(self.lanes):
            reader = memory.read_port()
            m.d.comb += [
                reader.en.eq(1),
                reader.addr.eq(base | (self.codes.word_select(k, self.bits) & mask)),
                self.results.word_select(k, self.shape.width).eq(reader.data),
            ]
        return m
