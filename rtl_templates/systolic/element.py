"""One processing element of the systolic array."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CONTROL", "Element"]

CONTROL = data.StructLayout(
    {
        "first": 1,  # the sum begins anew
        "capture": 1,  # the sum is complete: into the drain register
        "flow": 1,  # operand stationary: multiply by P, add to the sum from above
        "copy": 1,  # the shadow of P becomes P after this cycle
        "shift": 1,  # the drain chain moves down
        "reload": 1,  # the chain of shadows moves down
    }
)
"""What travels with a row's operand, one element per cycle."""


class Element(wiring.Component):
    """``sum = (first ? 0 : sum) + row * column``, or ``sum = above + row * P``, every cycle.

    Latency: one cycle for everything that passes through it, to the right and down.
    Initiation interval: 1; utilisation bound: 1 (a multiplication in every cycle).  One
    multiplier of ``row_bits`` by ``column_bits``, as wide as a DSP block's: its sum is the
    accumulator of both dataflows.

    Parameters
    ----------
    row_bits, column_bits : int
        Widths of the signed operands; ``column_bits`` also holds P with a sign.
    acc_bits : int
        Width of the sum.
    p_bits : int
        Width of P, unsigned, or of ``column_bits`` and signed; 0: output stationary only.

    Members
    -------
    row, control : ``In``; row_o, control_o : ``Out``
        From the left and, one cycle later, to the right.
    column, above, drain, p : ``In``; column_o, sum, drain_o, p_o : ``Out``
        From above and, from registers, downwards.
    """

    def __init__(self, *, row_bits, column_bits, acc_bits, p_bits=0):
        self.p_bits = p_bits
        members = {
            "row": In(signed(row_bits)),
            "row_o": Out(signed(row_bits)),
            "control": In(CONTROL),
            "control_o": Out(CONTROL),
            "column": In(signed(column_bits)),
            "column_o": Out(signed(column_bits)),
            "sum": Out(signed(acc_bits)),
            "drain": In(signed(acc_bits)),
            "drain_o": Out(signed(acc_bits)),
        }
        if p_bits:
            members |= {"above": In(signed(acc_bits)), "p": In(p_bits), "p_o": Out(p_bits)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        control = self.control
        other, start = self.column, Mux(control.first, 0, self.sum)
        if self.p_bits:
            active = Signal(self.p_bits)
            with m.If(control.copy):
                m.d.sync += active.eq(self.p_o)
            with m.If(control.reload):
                m.d.sync += self.p_o.eq(self.p)
            other = Signal(self.column.shape())
            m.d.comb += other.eq(Mux(control.flow, active, self.column))
            start = Mux(control.flow, self.above, start)
        total = Signal(self.sum.shape())
        m.d.comb += total.eq(start + self.row * other)
        m.d.sync += [
            self.sum.eq(total),
            self.row_o.eq(self.row),
            self.control_o.eq(control),
            self.column_o.eq(self.column),
        ]
        with m.If(control.capture):
            m.d.sync += self.drain_o.eq(total)
        with m.Elif(control.shift):
            m.d.sync += self.drain_o.eq(self.drain)
        return m
