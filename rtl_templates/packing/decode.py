"""Takes the lanes of a wide product apart."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Decode", "lane_widths"]


class Decode(wiring.Component):
    """Fields and carries: the value of a lane is ``field + carry``.

    Combinational.  A lane's field costs no logic without an overlap (bits of the product), and
    its carry is a bit of the product too: the carry-in of the adder that accumulates the lane.
    An overlap of one bit costs an exclusive or; one of two bits a subtraction of two bits, and an
    adder for a carry of more than one bit, which is then part of the field.  A range that is not
    symmetric (full range times full range) costs a comparison.

    Parameters
    ----------
    lanes : Lanes

    Members
    -------
    product : ``In(lanes.bits)``
    lows : ``In``
        The known low bits of lane 1, 2, ..., ``lanes.known`` bits each.
    field_<lane> : ``Out``
        Signed, of ``widths[lane]`` bits.
    carries : ``Out``
        One bit per lane.

    Attributes
    ----------
    fields : Value
        All of them, lane 0 in the low bits.
    widths : tuple of int
        Of the fields: such that ``field + carry`` does not wrap.
    """

    def __init__(self, lanes):
        self.lanes = lanes
        count = len(lanes.ranges)
        self.widths = lane_widths(lanes)
        super().__init__(
            {
                "product": In(lanes.bits),
                "lows": In(lanes.known * (count - 1)),
                "carries": Out(count),
            }
            # One wire each: some depend on others, which Verilator takes for a cycle in a vector.
            | {f"field_{lane}": Out(width) for lane, width in enumerate(self.widths)}
        )
        self.fields = Cat(getattr(self, f"field_{lane}") for lane in range(count))

    def elaborate(self, platform):
        m = Module()
        lanes = self.lanes
        carry = Const(0, 1)
        for lane in range(len(self.widths)):
            overlap = lanes.overlap(lane)
            bits = self.product[lane * lanes.pitch :][: lanes.width(lane)]
            code = Signal(lanes.width(lane), name=f"code_{lane}")
            m.d.comb += code.eq(bits)
            if overlap:
                low = self.lows[lanes.known * lane :][:overlap]
                m.d.comb += code[lanes.pitch :].eq((bits[lanes.pitch :] - low)[:overlap])
            threshold = lanes.threshold(lane)
            field = (code if threshold is None else Cat(code, code >= threshold)).as_signed()
            if len(carry) == 1:
                m.d.comb += self.carries[lane].eq(carry)
                value = field
            else:
                value = field + carry
            m.d.comb += getattr(self, f"field_{lane}").eq(value)
            # The lanes above lost what the field has from the pitch on.
            if lanes.borrows_a_bit(lane):
                carry = field[-1]
            else:
                taken = lanes.field(lane)
                most = max(2, taken.high >> lanes.pitch, -(taken.low >> lanes.pitch))
                carry = Signal(range(-most, most + 1), name=f"carry_{lane}")
                m.d.comb += carry.eq(-(field >> lanes.pitch))
        return m


def lane_widths(lanes):
    """Return the bits of each field: such that ``field + carry`` does not wrap."""
    count = len(lanes.ranges)
    return tuple(lanes.width(lane) + (lanes.threshold(lane) is not None) for lane in range(count))
