"""Rows and columns of processing elements, with the waves that drain and reload them."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.streams.delay import delay
from rtl_templates.systolic.element import CONTROL, Element

__all__ = ["Grid"]


class Grid(wiring.Component):
    """``rows`` x ``columns`` elements; operands come skewed by one cycle per row and column.

    Events are those of row 0 and column 0.  A sum that is captured there in cycle c leaves the
    bottom of column 0 from ``c + rows`` on: the last row's result first, one per cycle; column p
    is p cycles later.  The drain of a row stops as soon as it has passed on what is above it, so
    captures may follow each other every ``rows`` cycles.  P enters at the top: what comes
    first ends in the last row; row 0 of the chain moves from ``reload`` on for ``rows`` cycles.
    With a ``turn`` and ``waits``, both chains of the columns from ``columns / 2`` on move ``turn``
    cycles after those of column 0.
    With ``halves`` and ``halved``, the chains of the upper and of the lower half of the rows are
    apart: sums of the upper half leave its last row on ``middle`` from ``c + rows / 2`` on,
    captures may follow each other every ``rows / 2`` cycles, and P enters the upper half from
    ``reload`` on and, on ``p_lower``, the lower half from ``rows / 2`` cycles later on.
    Latency: ``rows`` cycles from a row 0 step to the sum below the last row (operand
    stationary).  Initiation interval 1; utilisation bound: 1.

    Parameters
    ----------
    rows, columns : int
        At least 2 rows.
    row_bits, column_bits, acc_bits, p_bits : int
        See :class:`Element`.
    turn : int
        0, or at least half the columns; with ``p_bits``.
    halves : int
        1, or 2 for an even number of rows, without a ``turn``; with ``p_bits``.

    Members
    -------
    row : ``In(rows * row_bits)``
    control : ``In(rows * 4)``
        ``first``, ``capture``, ``flow``, ``copy`` of each row, beside its operand.
    column : ``In(columns * column_bits)``
    drain : ``Out(columns * acc_bits)``
        Sums at the bottom of the drain chains.
    drained : ``Out(1)``
        Column 0 of ``drain`` carries the last row's result in the next cycle.
    middle : ``Out(columns * acc_bits)``
        With ``halves``: sums below the upper half of the drain chains.
    waits, halved : ``In(1)``
        Stable, with a ``turn``; with ``halves``.
    reload : ``In(1)``
        Pulse: column 0 of ``p`` carries the first of ``rows`` values.
    p, p_lower : ``In(columns * p_bits)``
        ``p_lower``: with ``halves``.
    sums : ``Out(columns * acc_bits)``
        Below the last row, operand stationary.
    """

    def __init__(
        self, *, rows, columns, row_bits, column_bits, acc_bits, p_bits=0, turn=0, halves=1
    ):
        if rows < 2 or columns < 1:
            raise ValueError(f"A grid has 2 rows and 1 column at least, not {rows} x {columns}")
        if halves == 2 and (rows < 4 or rows % 2 or turn or not p_bits):
            raise ValueError(
                f"Halves take an even number of 4 rows or more, P and no turn, not {rows}"
            )
        self.rows = rows
        self.columns = columns
        self.turn = turn
        self.half = rows // 2 if halves == 2 else 0
        self.widths = {
            "row_bits": row_bits,
            "column_bits": column_bits,
            "acc_bits": acc_bits,
            "p_bits": p_bits,
        }
        members = {
            "row": In(rows * row_bits),
            "control": In(rows * 4),
            "column": In(columns * column_bits),
            "drain": Out(columns * acc_bits),
            "drained": Out(1),
        }
        if p_bits:
            members |= {
                **({"waits": In(1)} if turn else {}),
                **({"halved": In(1), "p_lower": In(columns * p_bits)} if self.half else {}),
                **({"middle": Out(columns * acc_bits)} if self.half else {}),
                "reload": In(1),
                "p": In(columns * p_bits),
                "sums": Out(columns * acc_bits),
            }
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        widths = self.widths
        acc_bits, p_bits = widths["acc_bits"], widths["p_bits"]
        edges = [Signal(CONTROL, name=f"edge_{r}") for r in range(self.rows)]
        for r, edge in enumerate(edges):
            m.d.comb += Cat(edge.first, edge.capture, edge.flow, edge.copy).eq(
                self.control.word_select(r, 4)
            )
        done = edges[-1].capture
        m.d.comb += self.drained.eq(done)
        if self.half:
            self._half_waves(m, edges, done)
        else:
            self._waves(m, edges, done, self.reload if p_bits else None)
        half, later = self.columns // 2, []
        if self.turn > half:
            later = [Signal(CONTROL, name=f"later_{r}") for r in range(self.rows)]
            done = Mux(self.waits, delay(m, done, self.turn, "wait"), delay(m, done, half, "pass"))
            waited = delay(m, self.reload, self.turn, "later_reload")
            passed = delay(m, self.reload, half, "pass_reload")
            self._waves(m, later, done, Mux(self.waits, waited, passed))

        above = []
        for r, edge in enumerate(edges):
            elements = [Element(**widths) for _ in range(self.columns)]
            for c, element in enumerate(elements):
                m.submodules[f"element_{r}_{c}"] = element
                if c:
                    left = elements[c - 1]
                    m.d.comb += [element.row.eq(left.row_o), element.control.eq(left.control_o)]
                    if later and c == half:
                        m.d.comb += [
                            element.control.shift.eq(later[r].shift),
                            element.control.reload.eq(later[r].reload),
                        ]
                else:
                    m.d.comb += [
                        element.row.eq(self.row.word_select(r, widths["row_bits"]).as_signed()),
                        element.control.eq(edge),
                    ]
                if r:
                    m.d.comb += [
                        element.column.eq(above[c].column_o),
                        element.drain.eq(above[c].drain_o),
                    ]
                    if p_bits:
                        p = above[c].p_o
                        if self.half and r == self.half:
                            p = Mux(self.halved, self.p_lower.word_select(c, p_bits), p)
                            middle = self.middle.word_select(c, acc_bits)
                            m.d.comb += middle.eq(above[c].drain_o)
                        m.d.comb += [element.above.eq(above[c].sum), element.p.eq(p)]
                else:
                    column = self.column.word_select(c, widths["column_bits"])
                    m.d.comb += element.column.eq(column.as_signed())
                    if p_bits:
                        m.d.comb += element.p.eq(self.p.word_select(c, p_bits))
            above = elements
        for c, element in enumerate(above):
            m.d.comb += self.drain.word_select(c, acc_bits).eq(element.drain_o)
            if p_bits:
                m.d.comb += self.sums.word_select(c, acc_bits).eq(element.sum)
        return m

    def _waves(self, m, edges, done, reload):
        """Move the drain chains once the last row is captured, and those of P while it comes.

        Row r of the drain moves r times, from the cycle after ``done`` on; row r of P moves from
        r cycles after ``reload`` until row 0 has moved ``rows`` times.
        """
        stop = Signal(name="stop_1")
        m.d.sync += stop.eq(done)
        self._drain(m, edges[1:], done, stop, 1)
        if reload is not None:
            self._reload(m, edges, reload, self.rows - 1)

    def _half_waves(self, m, edges, done):
        """Move the chains of both halves apart, or else together as one."""
        half = self.half
        upper_done, stop = Signal(), Signal(name="stop_1")
        m.d.comb += upper_done.eq(Mux(self.halved, edges[half - 1].capture, done))
        m.d.sync += stop.eq(upper_done)
        stop = self._drain(m, edges[1:half], upper_done, stop, 1)
        stop = Mux(self.halved, done, stop)
        # The first row of a half that is apart has none above it.
        stop = self._drain(m, edges[half : half + 1], done & ~self.halved, stop, half)
        self._drain(m, edges[half + 1 :], done, stop, half + 1)
        count = Mux(self.halved, half - 1, self.rows - 1)
        start = self._reload(m, edges[:half], self.reload, count)
        self._reload(m, edges[half:], start, half - 1, half)

    def _drain(self, m, edges, done, stop, first):
        """Move rows from the cycle after ``done`` to that of ``stop``, each one cycle longer.

        Return ``stop`` for the row below; ``first`` is the number of the first one.
        """
        for r, edge in enumerate(edges, first):
            moving = Signal(name=f"draining_{r}")
            m.d.comb += edge.shift.eq(moving)
            with m.If(done):
                m.d.sync += moving.eq(1)
            with m.Elif(stop):
                m.d.sync += moving.eq(0)
            following = Signal(name=f"stop_{r + 1}")
            m.d.sync += following.eq(stop)
            stop = following
        return stop

    def _reload(self, m, edges, reload, count, first=0):
        """Move rows, each one cycle later, until the first one has moved ``count + 1`` times.

        Return the start of the row below.
        """
        left = Signal(range(self.rows), name=f"left_{first}")
        with m.If(reload):
            m.d.sync += left.eq(count)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        start = reload
        for r, edge in enumerate(edges, first):
            moving = Signal(name=f"reloading_{r}")
            m.d.comb += edge.reload.eq(start | moving)
            with m.If(start):
                m.d.sync += moving.eq(1)
            with m.If(left == 1):
                m.d.sync += moving.eq(0)
            following = Signal(name=f"start_{r + 1}")
            m.d.sync += following.eq(start)
            start = following
        return start
