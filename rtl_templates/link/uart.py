"""Both ends of a UART line: 8 data bits, no parity, 1 stop bit, least significant bit first."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["MIN_DIVISOR", "UartReceiver", "UartTransmitter"]

MIN_DIVISOR = 4
"""Fewest clock cycles a bit may last: below it, the middle of a bit cannot be met."""

_LINE_BITS = 10  # start, eight data bits, stop


def _check_divisor(divisor):
    if divisor < MIN_DIVISOR:
        raise ValueError(f"Divisor must be at least {MIN_DIVISOR} cycles per bit, not {divisor}")


class UartReceiver(wiring.Component):
    """Bytes from a serial line.

    The line is sampled in the middle of each bit.  A start bit that is gone by its middle is a
    glitch and ignored; a byte whose stop bit is low (a break, or a wrong baud rate) is dropped,
    and the line must rest before the next start bit counts.  There is no back-pressure: a byte
    must be taken in the cycle in which it is offered, and at least nine bit times pass until the
    next.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit, at least ``MIN_DIVISOR``.

    Members
    -------
    line : ``In(1)``
        Asynchronous; rests at 1.
    data : ``Out(8)``
    valid : ``Out(1)``
        One cycle per byte.
    """

    def __init__(self, divisor):
        _check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"line": In(1, init=1), "data": Out(8), "valid": Out(1)})

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        m.submodules.sync = FFSynchronizer(self.line, line, init=1)
        timer = Signal(range(self.divisor))
        bit = Signal(range(_LINE_BITS))
        m.d.sync += self.valid.eq(0)

        with m.FSM():
            with m.State("REST"):
                # Half a bit from the edge is the middle of the start bit.
                m.d.sync += [timer.eq(self.divisor // 2 - 1), bit.eq(0)]
                with m.If(~line):
                    m.next = "BITS"
            with m.State("BITS"):
                m.d.sync += timer.eq(timer - 1)
                with m.If(timer == 0):
                    m.d.sync += [timer.eq(self.divisor - 1), bit.eq(bit + 1)]
                    with m.If((bit == 0) & line):
                        m.next = "REST"
                    with m.Elif(bit == _LINE_BITS - 1):
                        m.d.sync += self.valid.eq(line)
                        m.next = "BREAK"
                    with m.Elif(bit != 0):
                        m.d.sync += self.data.eq(Cat(self.data[1:], line))
            with m.State("BREAK"), m.If(line):
                m.next = "REST"
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a serial line.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit, at least ``MIN_DIVISOR``.

    Members
    -------
    i : ``In(stream.Signature(8))``
        A byte is taken every ``10 * divisor`` cycles.
    line : ``Out(1)``
        Rests at 1.
    """

    def __init__(self, divisor):
        _check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "line": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self.divisor))
        left = Signal(range(_LINE_BITS + 1))
        # Ones follow the stop bit: the line rests when all is shifted out.
        shift = Signal(_LINE_BITS, init=-1)
        m.d.comb += [self.line.eq(shift[0]), self.i.ready.eq(left == 0)]

        with m.If(left == 0):
            with m.If(self.i.valid):
                m.d.sync += [
                    shift.eq(Cat(Const(0, 1), self.i.payload, Const(1, 1))),
                    left.eq(_LINE_BITS),
                    timer.eq(self.divisor - 1),
                ]
        with m.Elif(timer == 0):
            m.d.sync += [
                shift.eq(Cat(shift[1:], Const(1, 1))),
                left.eq(left - 1),
                timer.eq(self.divisor - 1),
            ]
        with m.Else():
            m.d.sync += timer.eq(timer - 1)
        return m
