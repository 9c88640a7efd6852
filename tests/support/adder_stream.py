"""A small accelerator with the members of a real one: two inputs of different widths, added.

``total`` = ``wide`` + ``narrow`` beat by beat, lane by lane; registers 0 to 15 are a memory.
"""

from amaranth.hdl import Array, Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.board.interface import Interface, Port
from rtl_templates.link.host_link import beat

LANES = 2
BEATS = 6
IDENTITY = bytes(range(32)).hex()

INTERFACE = Interface(
    "adder",
    IDENTITY,
    (0, 1, 0),
    (
        Port("wide", 9, True, LANES, (3, 2, 2)),
        Port("narrow", 4, False, LANES, (3, 2, 2)),
    ),
    (Port("total", 10, True, LANES, (3, 2, 2)),),
)


class AdderStream(wiring.Component):
    """Holds one result; a tensor's end is wherever ``wide`` says."""

    def __init__(self):
        register = wiring.Signature(
            {"addr": Out(8), "wdata": Out(32), "write": Out(1), "rdata": In(32)}
        )
        super().__init__(
            {
                "s_wide": In(stream.Signature(beat(9 * LANES))),
                "s_narrow": In(stream.Signature(beat(4 * LANES))),
                "m_total": Out(stream.Signature(beat(10 * LANES))),
                "reg": In(register),
            }
        )

    def elaborate(self, platform):
        m = Module()
        a, b, o = self.s_wide, self.s_narrow, self.m_total
        fire = Signal()
        m.d.comb += [
            fire.eq(a.valid & b.valid & (~o.valid | o.ready)),
            a.ready.eq(fire),
            b.ready.eq(fire),
        ]
        sums = [
            a.payload.data.word_select(lane, 9).as_signed()
            + Cat(b.payload.data.word_select(lane, 4), Const(0, 1)).as_signed()
            for lane in range(LANES)
        ]
        with m.If(fire):
            m.d.sync += [
                o.payload.data.eq(Cat(value[:10] for value in sums)),
                o.payload.last.eq(a.payload.last),
                o.valid.eq(1),
            ]
        with m.Elif(o.ready):
            m.d.sync += o.valid.eq(0)

        registers = Array(Signal(32, name=f"register_{k}") for k in range(16))
        m.d.sync += self.reg.rdata.eq(registers[self.reg.addr[:4]])
        with m.If(self.reg.write):
            m.d.sync += registers[self.reg.addr[:4]].eq(self.reg.wdata)
        return m
