"""Products by weights that stay, in the carry chains of the Lattice ECP5 family."""

from amaranth.hdl import Cat, Const, Instance, Signal

from rtl_templates.mac_array.held_product import HeldProduct

__all__ = ["Ecp5HeldProduct"]

# Tables of a half of CCU2C by (D, C, B, A).  The half adds two bits and a carry: its table is their
# exclusive or, and the lower nibble, by (B, A) alone, is one of the bits.
_CARRY = 0x0008  # no sum; the carry is A & B if D is 1
_GATES = 0x7888  # (A & B) + (C & D)
_GATE = 0x5AAA  # A + (C & D)


class Ecp5HeldProduct(HeldProduct):
    """The same with chains of ``CCU2C``, each bit of which gates and adds two rows.

    Yosys gates in LUTs of its own.  The first half of each chain makes the carry that comes in, so
    that ``hwgen.board.families.ecp5_carry`` can leave out the cell that nextpnr puts there.
    Lattice, "ECP5 and ECP5-5G Family Data Sheet" (FPGA-DS-02012), section 2.2: a half is a LUT4
    whose lower nibble makes the carry.
    """

    def low(self, m, b, size, sign):
        """Return ``b * size + (size[0] & sign) + (size[1] & sign)`` of two bits, in 6 bits."""
        gate = [b[min(k, 3)] for k in range(6)]
        return _chain(
            m,
            "low",
            [
                (_CARRY, (sign, size[0], 1, 1)),
                # The second row begins a bit further: its place is free for the second carry.
                (_GATES, (gate[0], size[0], sign, size[1])),
                *((_GATES, (gate[k], size[0], gate[k - 1], size[1])) for k in range(1, 6)),
            ],
        )

    def high(self, m, low, b, size, sign):
        """Return ``low + 4 * (b * size + (size & sign))`` of one bit, in 7 bits."""
        upper = _chain(
            m,
            "high",
            [
                (_CARRY, (sign, size, 1, 1)),
                *((_GATE, (low[min(k + 2, 5)], 0, b[min(k, 3)], size)) for k in range(5)),
            ],
        )
        return Cat(low[:2], upper)


def _chain(m, name, halves):
    """Return the sums of all halves but the first, whose tables and inputs are these."""
    halves = [*halves, *[(0, (0, 0, 0, 0))] * (len(halves) % 2)]
    sums, carry = [], Const(0, 1)
    for k in range(0, len(halves), 2):
        pins, (first, second, following) = {}, (Signal(name=f"{name}_{k + j}") for j in range(3))
        for j, (_, inputs) in enumerate(halves[k : k + 2]):
            pins |= {f"i_{pin}{j}": bit for pin, bit in zip("ABCD", inputs, strict=True)}
        m.submodules[f"{name}_{k}"] = Instance(
            "CCU2C",
            p_INIT0=Const(halves[k][0], 16),
            p_INIT1=Const(halves[k + 1][0], 16),
            p_INJECT1_0="NO",
            p_INJECT1_1="NO",
            i_CIN=carry,
            **{pin: Const(bit, 1) if isinstance(bit, int) else bit for pin, bit in pins.items()},
            o_S0=first,
            o_S1=second,
            o_COUT=following,
        )
        sums += [first, second]
        carry = following
    used = len([table for table, _ in halves if table not in (0, _CARRY)])
    return Cat(sums[1 : 1 + used])
