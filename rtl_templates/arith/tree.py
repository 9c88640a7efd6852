"""A pipelined reduction of many values, four a level."""

from amaranth.hdl import Cat, Mux, Signal, signed

__all__ = [
    "add_with_carry",
    "carry_tree",
    "larger",
    "reduce_tree",
    "sum_tree",
    "tree_depth",
]

RADIX = 4


def tree_depth(terms):
    """Return the registers of an adder tree that adds ``RADIX`` terms a cycle."""
    depth = 0
    while terms > 1:
        terms = -(-terms // RADIX)
        depth += 1
    return depth


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


def sum_tree(m, level, name):
    """Return the sum of signed values ``tree_depth(len(level))`` cycles later, as wide as it gets.

    Parameters
    ----------
    m : Module
    level : list of Value
    name : str
        Prefix of the registers.
    """
    while len(level) > 1:
        sums = []
        for k in range(0, len(level), RADIX):
            total = sum(level[k + 1 : k + RADIX], start=level[k])
            partial = Signal(signed(total.shape().width), name=f"{name}_{len(level)}_{k}")
            m.d.sync += partial.eq(total)
            sums.append(partial)
        level = sums
    return level[0]


def carry_tree(m, level, name):
    """Return the sum of pairs of a value and a carry, ``tree_depth(len(level))`` cycles later.

    The values are signed.  The sum is such a pair too: each adder takes one carry, so that the last
    one of a level is left for the next.

    Parameters
    ----------
    m : Module
    level : list of tuple of Value
    name : str
        Suffix of the registers.
    """
    while len(level) > 1:
        following = []
        for k in range(0, len(level), RADIX):
            (total, carry), *others = level[k : k + RADIX]
            for value, more in others:
                total, carry = add_with_carry(total, value, carry), more
            part = Signal(signed(len(total)), name=f"sum_{name}_{len(level)}_{k}")
            left = Signal(name=f"left_{name}_{len(level)}_{k}")
            m.d.sync += [part.eq(total), left.eq(carry)]
            following.append((part, left))
        level = following
    return level[0]
