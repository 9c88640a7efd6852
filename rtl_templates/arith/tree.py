"""A pipelined reduction of many values, four a level."""

from amaranth.hdl import Cat, Mux, Signal, signed

from rtl_templates.arith.dot_product import RADIX

__all__ = ["add_with_carry", "larger", "reduce_tree"]


def larger(left, right):
    """Return the larger of two values."""
    return Mux(left > right, left, right)


def add_with_carry(left, right, carry):
    """Return ``left + right + carry`` of signed numbers: one adder, whose carry comes in below."""
    return (Cat(carry, left).as_signed() + Cat(carry, right).as_signed())[1:].as_signed()


def reduce_tree(m, values, combine, bits, name):
    """Return all ``values`` combined, ``tree_depth(len(values))`` cycles later.

    Parameters
    ----------
    m : Module
    values : list of Value
    combine : callable
        Of two values; associative.
    bits : int
        Width of a signed value that holds every combination.
    name : str
        Prefix of the registers.
    """
    level = list(values)
    while len(level) > 1:
        following = []
        for k in range(0, len(level), RADIX):
            total = level[k]
            for value in level[k + 1 : k + RADIX]:
                total = combine(total, value)
            part = Signal(signed(bits), name=f"{name}_{len(level)}_{k}")
            m.d.sync += part.eq(total)
            following.append(part)
        level = following
    return level[0]
