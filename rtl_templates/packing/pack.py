"""Operands side by side in one port of a multiplier."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.packing.lanes import fit

__all__ = ["Pack", "digits"]


def digits(numbers, pitch):
    """Return the digits whose concatenation is ``sum(numbers[k] << (k * pitch))``.

    Digit k is number k minus the borrow of those below it.  Weights are stored like this, so that
    packing them costs nothing: a digit of a narrow number has no more bits than the number's
    two's complement form.

    Parameters
    ----------
    numbers : sequence of int
    pitch : int

    Examples
    --------
    >>> digits([-3, 5, 0], 7)
    [-3, 4, 0]
    """
    result, borrow = [], 0
    for number in numbers:
        digit = number - borrow
        result.append(digit)
        borrow = 1 if digit < 0 else 0
    return result


class Pack(wiring.Component):
    """``o = sum(i[k] << (k * pitch))``, combinational: a borrow per number but the first.

    Parameters
    ----------
    operand : Range
        Of each number.
    count : int
    pitch : int
        Bits, at least those of a number.

    Members
    -------
    i : ``In(count * operand.bits)``
        Number 0 in the low bits.
    o : ``Out(signed)``
    """

    def __init__(self, operand, count, pitch):
        if pitch < operand.bits + 1:
            raise ValueError(f"A pitch of {pitch} bits is too narrow for {operand.bits}-bit digits")
        self.operand = operand
        self.count = count
        self.pitch = pitch
        super().__init__(
            {"i": In(count * operand.bits), "o": Out(signed(fit(operand, count, pitch)))}
        )

    def elaborate(self, platform):
        m = Module()
        parts, borrow = [], 0
        for k in range(self.count):
            number = self.i.word_select(k, self.operand.bits)
            number = number.as_signed() if self.operand.is_signed else number
            digit = Signal(signed(self.pitch), name=f"digit_{k}")
            m.d.comb += digit.eq(number - borrow)
            borrow = digit[-1]
            parts.append(digit)
        m.d.comb += self.o.eq(Cat(*parts).as_signed())
        return m
