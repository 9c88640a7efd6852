"""Frames of the host link: parsed from bytes, and made into bytes."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC16_IBM_3740
from amaranth.lib.wiring import In, Out

from rtl_templates.link.protocol import MAX_PAYLOAD, REPLY, SYNC, Status

__all__ = ["HEAD_BYTES", "FrameReceiver", "FrameSender"]

HEAD_BYTES = 5
"""Payload bytes that the receiver keeps in a register, besides those it stores."""


class FrameReceiver(wiring.Component):
    """Finds frames in a byte stream, stores their payload, checks their CRC.

    After anything wrong it waits until the line has been quiet for ``quiet`` cycles before it
    reports, so that the rest of a broken frame is never taken for a new one.  A frame that ends
    in the middle is reported after the same time.  It never waits for anything else.

    Parameters
    ----------
    quiet : int
        Cycles without a byte that end a frame, at least 2.

    Members
    -------
    data, valid : ``In(8)``, ``In(1)``
        From the UART; bytes are ignored while ``busy``.
    busy : ``In(1)``
    address, write : ``Out``
        Payload byte ``data`` goes to ``address`` in a cycle with ``write``.
    sequence, kind, length : ``Out``
        Of the last frame; valid from ``good`` until the next frame begins.
    head : ``Out(8 * HEAD_BYTES)``
        First payload bytes, the first one in the least significant bits.
    good : ``Out(1)``
        One cycle: a whole frame with a right CRC.
    bad : ``Out(1)``
        One cycle: something else; ``reason`` says what.
    reason : ``Out(8)``
        A :class:`Status`.
    """

    def __init__(self, quiet):
        if quiet < 2:
            raise ValueError(f"Quiet time must be at least 2 cycles, not {quiet}")
        self.quiet = quiet
        super().__init__(
            {
                "data": In(8),
                "valid": In(1),
                "busy": In(1),
                "address": Out(range(MAX_PAYLOAD)),
                "write": Out(1),
                "sequence": Out(8),
                "kind": Out(8),
                "length": Out(16),
                "head": Out(8 * HEAD_BYTES),
                "good": Out(1),
                "bad": Out(1),
                "reason": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC16_IBM_3740(8).create()
        take = Signal()
        header = Signal(range(4))
        index = Signal(range(MAX_PAYLOAD + 1))
        second = Signal()  # of the two bytes of the CRC
        timer = Signal(range(self.quiet + 1))
        length = Cat(self.length[:8], self.data)
        m.d.comb += [
            take.eq(self.valid & ~self.busy),
            crc.data.eq(self.data),
            self.address.eq(index),
        ]
        with m.If(take):
            m.d.sync += timer.eq(0)
        with m.Elif(timer != self.quiet):
            m.d.sync += timer.eq(timer + 1)

        def give_up(reason):
            m.d.sync += self.reason.eq(reason)
            m.next = "QUIET"

        def end_if_quiet():
            with m.If(timer == self.quiet):
                give_up(Status.TRUNCATED)

        with m.FSM():
            with m.State("HUNT"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += [header.eq(0), index.eq(0), second.eq(0)]
                with m.If(take & (self.data == SYNC)):
                    m.next = "HEADER"
            with m.State("HEADER"):
                end_if_quiet()
                with m.If(take):
                    m.d.comb += crc.valid.eq(1)
                    m.d.sync += header.eq(header + 1)
                    with m.Switch(header):
                        with m.Case(0):
                            m.d.sync += self.sequence.eq(self.data)
                        with m.Case(1):
                            m.d.sync += self.kind.eq(self.data)
                        with m.Case(2):
                            m.d.sync += self.length.eq(self.data)
                        with m.Case(3):
                            m.d.sync += self.length.eq(length)
                            with m.If(length > MAX_PAYLOAD):
                                give_up(Status.TOO_LONG)
                            with m.Elif(length == 0):
                                m.next = "CRC"
                            with m.Else():
                                m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                end_if_quiet()
                with m.If(take):
                    m.d.comb += [crc.valid.eq(1), self.write.eq(1)]
                    m.d.sync += index.eq(index + 1)
                    with m.Switch(index):
                        for position in range(HEAD_BYTES):
                            with m.Case(position):
                                m.d.sync += self.head.word_select(position, 8).eq(self.data)
                    with m.If(index == self.length - 1):
                        m.next = "CRC"
            with m.State("CRC"):
                end_if_quiet()
                with m.If(take):
                    m.d.comb += crc.valid.eq(1)
                    m.d.sync += second.eq(1)
                    with m.If(second):
                        m.next = "CHECK"
            with m.State("CHECK"):
                with m.If(crc.match_detected):
                    m.d.comb += self.good.eq(1)
                    m.next = "HUNT"
                with m.Else():
                    give_up(Status.BAD_CRC)
            with m.State("QUIET"), m.If(timer == self.quiet):
                m.d.comb += self.bad.eq(1)
                m.next = "HUNT"
        return m


class FrameSender(wiring.Component):
    """Sends one reply frame: a status byte, then bytes from a memory.

    Parameters
    ----------
    depth : int
        Words of the memory.

    Members
    -------
    start : ``In(1)``
        One cycle, with the fields below, which must hold until ``done``.
    sequence, kind, status : ``In(8)``
        ``kind`` is the request's; the reply bit is added here.
    length : ``In(range(MAX_PAYLOAD))``
        Bytes after the status.
    base : ``In(range(depth))``
        Address of the first of them.
    address, data : ``Out``, ``In(8)``
        Memory read port, data in the next cycle.
    o : ``Out(stream.Signature(8))``
        To the UART.
    done : ``Out(1)``
        One cycle: the last byte has been handed over.
    """

    def __init__(self, depth):
        super().__init__(
            {
                "start": In(1),
                "sequence": In(8),
                "kind": In(8),
                "status": In(8),
                "length": In(range(MAX_PAYLOAD)),
                "base": In(range(depth)),
                "address": Out(range(depth)),
                "data": In(8),
                "o": Out(stream.Signature(8)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC16_IBM_3740(8).create()
        payload = Signal(unsigned(16))
        header = Signal(range(6))
        index = Signal(range(MAX_PAYLOAD))
        m.d.comb += [
            payload.eq(self.length + 1),
            self.address.eq(self.base + index),
            crc.data.eq(self.o.payload),
        ]
        moved = self.o.valid & self.o.ready

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += [header.eq(0), index.eq(0)]
                with m.If(self.start):
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += [self.o.valid.eq(1), crc.valid.eq(moved & (header != 0))]
                with m.Switch(header):
                    with m.Case(0):
                        m.d.comb += self.o.payload.eq(SYNC)
                    with m.Case(1):
                        m.d.comb += self.o.payload.eq(self.sequence)
                    with m.Case(2):
                        m.d.comb += self.o.payload.eq(self.kind | REPLY)
                    with m.Case(3):
                        m.d.comb += self.o.payload.eq(payload[:8])
                    with m.Case(4):
                        m.d.comb += self.o.payload.eq(payload[8:])
                    with m.Default():
                        m.d.comb += self.o.payload.eq(self.status)
                with m.If(moved):
                    m.d.sync += header.eq(header + 1)
                    with m.If(header == 5):
                        m.next = "FETCH"
            with m.State("FETCH"):
                with m.If(index == self.length):
                    m.next = "CRC HIGH"
                with m.Else():
                    m.next = "DATA"
            with m.State("DATA"):
                # The address still holds: the memory repeats its answer until the byte moves.
                m.d.comb += [
                    self.o.valid.eq(1),
                    self.o.payload.eq(self.data),
                    crc.valid.eq(moved),
                ]
                with m.If(moved):
                    m.d.sync += index.eq(index + 1)
                    m.next = "FETCH"
            with m.State("CRC HIGH"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(crc.crc[8:])]
                with m.If(moved):
                    m.next = "CRC LOW"
            with m.State("CRC LOW"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(crc.crc[:8])]
                with m.If(moved):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
        return m
