"""The command processor between a UART and an accelerator."""

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.link.frames import HEAD_BYTES, FrameReceiver, FrameSender
from rtl_templates.link.protocol import FLAG_LAST, MAX_PAYLOAD, WRITE_HEAD, Kind, Status
from rtl_templates.link.uart import UartReceiver, UartTransmitter

__all__ = ["HostLink", "beat", "beat_bytes"]

_RESET_CYCLES = 16
_COUNTER_BITS = 10  # byte counts and positions up to MAX_PAYLOAD


def beat(bits):
    """Return the payload of an accelerator's stream: ``bits`` of data, and ``last``."""
    return data.StructLayout({"data": bits, "last": 1})


def beat_bytes(bits):
    """Return the bytes that a beat of ``bits`` takes on the wire: each starts at a byte."""
    return -(-bits // 8)


class HostLink(wiring.Component):
    """Takes requests from a serial line and carries them out on an accelerator.

    One request at a time; each is answered.  A request acts only after its CRC was right.  A
    request with the sequence number of the one before is not carried out again: its reply is
    sent again (0 is never a repetition).  Streams are served for at most ``stall`` cycles
    without a transfer, then the reply says how far it got; so every request ends.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit of the serial line.
    quiet, stall : int
        Cycles without a byte that end a frame; cycles without a transfer that end a request.
    identity : bytes
        Answer to IDENTIFY, at most ``MAX_PAYLOAD - 1`` bytes.
    inputs, outputs : dict of str to int
        The accelerator's streams, in the order of their port numbers: name and bits of data.

    Members
    -------
    rx, tx : ``In(1)``, ``Out(1)``
    s_<name> : ``Out(stream.Signature(beat(bits)))``
        To the accelerator's input ``<name>``.
    m_<name> : ``In(stream.Signature(beat(bits)))``
        From the accelerator's output ``<name>``.
    reg : ``Out``
        Register port; read data in the cycle after the address.
    reset : ``Out(1)``
        Resets the accelerator.
    busy, error : ``Out(1)``
        For lights: a request is being carried out; the last frame was broken.
    """

    def __init__(self, *, divisor, quiet, stall, identity, inputs, outputs):
        if len(identity) >= MAX_PAYLOAD:
            raise ValueError(f"Identity must be below {MAX_PAYLOAD} bytes, not {len(identity)}")
        limit = MAX_PAYLOAD - WRITE_HEAD
        for name, bits in (*inputs.items(), *outputs.items()):
            if beat_bytes(bits) > limit:
                raise ValueError(f"A beat of {name} must be at most {limit} bytes, not {bits} bits")
        if stall < 1:
            raise ValueError(f"Stall time must be at least 1 cycle, not {stall}")
        self.divisor = divisor
        self.quiet = quiet
        self.stall = stall
        self.identity = identity
        self.inputs = dict(inputs)
        self.outputs = dict(outputs)
        register = wiring.Signature(
            {"addr": Out(8), "wdata": Out(32), "write": Out(1), "rdata": In(32)}
        )
        members = {"rx": In(1, init=1), "tx": Out(1, init=1), "reg": Out(register)}
        members |= {name: Out(1) for name in ("reset", "busy", "error")}
        for name, bits in inputs.items():
            members[f"s_{name}"] = Out(stream.Signature(beat(bits)))
        for name, bits in outputs.items():
            members[f"m_{name}"] = In(stream.Signature(beat(bits)))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()

        # One block RAM: request payload, reply data, identity.
        reply_base, identity_base = MAX_PAYLOAD, 2 * MAX_PAYLOAD
        depth = 4 * MAX_PAYLOAD
        init = [0] * identity_base + list(self.identity)
        m.submodules.memory = memory = Memory(shape=8, depth=depth, init=init)
        write = memory.write_port()
        read = memory.read_port()

        m.submodules.uart_rx = uart_rx = UartReceiver(self.divisor)
        m.submodules.uart_tx = uart_tx = UartTransmitter(self.divisor)
        m.submodules.receiver = receiver = FrameReceiver(self.quiet)
        m.submodules.sender = sender = FrameSender(depth)
        wiring.connect(m, sender.o, uart_tx.i)

        # The reply that a repeated request gets again.
        sequence = Signal(8)
        kind = Signal(8)
        status = Signal(8)
        length = Signal(range(MAX_PAYLOAD))
        base = Signal(range(depth))
        broken = Signal()  # answer a frame that was not understood instead

        m.d.comb += [
            uart_rx.line.eq(self.rx),
            self.tx.eq(uart_tx.line),
            receiver.data.eq(uart_rx.data),
            receiver.valid.eq(uart_rx.valid),
            receiver.busy.eq(self.busy),
            self.error.eq(broken),
            sender.data.eq(read.data),
            sender.base.eq(base),
            sender.sequence.eq(sequence),
            sender.kind.eq(kind),
            sender.status.eq(status),
            sender.length.eq(length),
            read.en.eq(1),
        ]
        with m.If(broken):
            m.d.comb += [
                sender.sequence.eq(0),
                sender.kind.eq(0),
                sender.status.eq(receiver.reason),
                sender.length.eq(0),
            ]

        port = receiver.head.word_select(0, 8)
        position = Signal(_COUNTER_BITS)  # in the request's or the reply's bytes
        rest = Signal(_COUNTER_BITS)  # request bytes after the position
        beats = Signal(16)  # transferred by WRITE, still wanted by READ
        byte = Signal(_COUNTER_BITS)  # bytes of the current beat done
        timer = Signal(range(self.stall + 1))
        reset_timer = Signal(range(_RESET_CYCLES + 1))
        value = Signal(32)  # small results on their way to the reply
        value_left = Signal(3)

        in_bytes = [beat_bytes(bits) for bits in self.inputs.values()]
        out_bytes = [beat_bytes(bits) for bits in self.outputs.values()]
        word = Signal(8 * max(in_bytes + out_bytes))
        in_size = Array(in_bytes)[port]
        out_size = Array(out_bytes)[port]

        # Each input keeps one beat, so that an offered one never has to be taken back.
        source_valid = Signal(len(self.inputs))
        source_ready = Signal(len(self.inputs))
        load = Signal(len(self.inputs))
        last = Signal()
        for k, (name, bits) in enumerate(self.inputs.items()):
            o = getattr(self, f"s_{name}")
            m.d.comb += [source_valid[k].eq(o.valid), source_ready[k].eq(o.ready)]
            with m.If(load[k]):
                # Bytes were shifted in from the top.
                top = word[len(word) - 8 * in_bytes[k] :]
                m.d.sync += [
                    o.payload.data.eq(top[:bits]),
                    o.payload.last.eq(last),
                    o.valid.eq(1),
                ]
            with m.Elif(o.valid & o.ready):
                m.d.sync += o.valid.eq(0)
            with m.If(self.reset):
                m.d.sync += o.valid.eq(0)
        free = ~source_valid.bit_select(port, 1) | source_ready.bit_select(port, 1)

        take = Signal(len(self.outputs))
        sink_valid = Signal(len(self.outputs))
        for k, name in enumerate(self.outputs):
            i = getattr(self, f"m_{name}")
            m.d.comb += [i.ready.eq(take[k]), sink_valid[k].eq(i.valid)]
        last_of = Array(getattr(self, f"m_{name}").payload.last for name in self.outputs)
        data_of = Array(getattr(self, f"m_{name}").payload.data for name in self.outputs)

        def refuse(reason):
            m.d.sync += [status.eq(reason), length.eq(0)]
            m.next = "SEND"

        def answer_value(expression, count):
            m.d.sync += [value.eq(expression), value_left.eq(count), position.eq(0)]
            m.next = "VALUE"

        m.d.comb += [
            self.reg.addr.eq(port),
            self.reg.wdata.eq(receiver.head[8:]),
            self.busy.eq(1),
            self.reset.eq(reset_timer != 0),
        ]
        with m.If(reset_timer != 0):
            m.d.sync += reset_timer.eq(reset_timer - 1)

        with m.FSM():
            with m.State("LISTEN"):
                m.d.comb += [
                    self.busy.eq(0),
                    write.addr.eq(receiver.address),
                    write.data.eq(receiver.data),
                    write.en.eq(receiver.write),
                ]
                m.d.sync += timer.eq(0)
                with m.If(receiver.bad):
                    m.d.sync += broken.eq(1)
                    m.next = "SEND"
                with m.Elif(receiver.good):
                    m.d.sync += [broken.eq(0), sequence.eq(receiver.sequence)]
                    m.next = "START"
                    with m.If((receiver.sequence == sequence) & (sequence != 0)):
                        m.next = "SEND"

            with m.State("START"):
                m.d.sync += [
                    kind.eq(receiver.kind),
                    status.eq(Status.OK),
                    length.eq(0),
                    base.eq(reply_base),
                ]
                with m.Switch(receiver.kind):
                    with m.Case(Kind.IDENTIFY):
                        m.d.sync += [base.eq(identity_base), length.eq(len(self.identity))]
                        m.next = "SEND"
                        with m.If(receiver.length != 0):
                            refuse(Status.WRONG_LENGTH)
                    with m.Case(Kind.WRITE):
                        m.d.sync += [
                            rest.eq(receiver.length - WRITE_HEAD),
                            position.eq(WRITE_HEAD),
                            beats.eq(0),
                        ]
                        m.next = "MEASURE"
                        with m.If(receiver.length < WRITE_HEAD):
                            refuse(Status.WRONG_LENGTH)
                        with m.Elif(port >= len(self.inputs)):
                            refuse(Status.NO_SUCH_PORT)
                    with m.Case(Kind.READ):
                        m.d.sync += [position.eq(1), beats.eq(receiver.head[8:24]), last.eq(0)]
                        m.next = "COLLECT"
                        with m.If(receiver.length != 3):
                            refuse(Status.WRONG_LENGTH)
                        with m.Elif(port >= len(self.outputs)):
                            refuse(Status.NO_SUCH_PORT)
                    with m.Case(Kind.READ_REGISTER):
                        m.next = "REGISTER"
                        with m.If(receiver.length != 1):
                            refuse(Status.WRONG_LENGTH)
                    with m.Case(Kind.WRITE_REGISTER):
                        m.next = "SEND"
                        with m.If(receiver.length != HEAD_BYTES):
                            refuse(Status.WRONG_LENGTH)
                        with m.Else():
                            m.d.comb += self.reg.write.eq(1)
                    with m.Case(Kind.RESET):
                        m.next = "RESET"
                        with m.If(receiver.length != 0):
                            refuse(Status.WRONG_LENGTH)
                        with m.Else():
                            m.d.sync += reset_timer.eq(_RESET_CYCLES)
                    with m.Default():
                        refuse(Status.UNKNOWN_KIND)

            # WRITE: nothing moves unless the payload is whole beats.
            with m.State("MEASURE"):
                with m.If(rest == 0):
                    m.d.sync += rest.eq(receiver.length - WRITE_HEAD)
                    m.next = "NEXT BEAT"
                with m.Elif(rest < in_size):
                    refuse(Status.WRONG_LENGTH)
                with m.Else():
                    m.d.sync += rest.eq(rest - in_size)
            with m.State("NEXT BEAT"):
                m.d.comb += read.addr.eq(position)
                m.d.sync += [byte.eq(0), timer.eq(0)]
                m.next = "SHIFT IN"
                with m.If(rest == 0):
                    answer_value(beats, 2)
            with m.State("SHIFT IN"):
                # ``position`` was the address in the cycle before.
                m.d.comb += read.addr.eq(position + 1)
                m.d.sync += [
                    word.eq(Cat(word[8:], read.data)),
                    position.eq(position + 1),
                    rest.eq(rest - 1),
                    byte.eq(byte + 1),
                    last.eq((rest == 1) & (receiver.head.word_select(1, 8) & FLAG_LAST).bool()),
                ]
                with m.If(byte == in_size - 1):
                    m.next = "OFFER"
            with m.State("OFFER"):
                m.d.sync += timer.eq(timer + 1)
                with m.If(free):
                    m.d.comb += load.bit_select(port, 1).eq(1)
                    m.d.sync += beats.eq(beats + 1)
                    m.next = "NEXT BEAT"
                with m.Elif(timer == self.stall):
                    answer_value(beats, 2)

            # READ: byte 0 of the reply data are the flags, written at the end.
            with m.State("COLLECT"):
                m.d.sync += [timer.eq(timer + 1), byte.eq(0)]
                room = position + out_size < MAX_PAYLOAD
                with m.If((beats == 0) | last | ~room | (timer == self.stall)):
                    m.next = "FLAGS"
                with m.Else():
                    m.d.comb += take.bit_select(port, 1).eq(1)
                    with m.If(sink_valid.bit_select(port, 1)):
                        m.d.sync += [
                            word.eq(data_of[port]),
                            last.eq(last_of[port]),
                            beats.eq(beats - 1),
                        ]
                        m.next = "SHIFT OUT"
            with m.State("SHIFT OUT"):
                m.d.comb += [
                    write.addr.eq(reply_base + position),
                    write.data.eq(word[:8]),
                    write.en.eq(1),
                ]
                m.d.sync += [
                    word.eq(word >> 8),
                    position.eq(position + 1),
                    byte.eq(byte + 1),
                    timer.eq(0),
                ]
                with m.If(byte == out_size - 1):
                    m.next = "COLLECT"
            with m.State("FLAGS"):
                m.d.comb += [
                    write.addr.eq(reply_base),
                    write.data.eq(last * FLAG_LAST),
                    write.en.eq(1),
                ]
                m.d.sync += length.eq(position)
                m.next = "SEND"

            with m.State("REGISTER"):
                answer_value(self.reg.rdata, 4)
            with m.State("RESET"), m.If(reset_timer == 0):
                m.next = "SEND"

            with m.State("VALUE"):
                m.d.comb += [
                    write.addr.eq(reply_base + position),
                    write.data.eq(value[:8]),
                    write.en.eq(1),
                ]
                m.d.sync += [
                    value.eq(value >> 8),
                    position.eq(position + 1),
                    length.eq(position + 1),
                    value_left.eq(value_left - 1),
                ]
                with m.If(value_left == 1):
                    m.next = "SEND"

            with m.State("SEND"):
                m.d.comb += sender.start.eq(1)
                m.next = "SENDING"
            with m.State("SENDING"):
                m.d.comb += read.addr.eq(sender.address)
                with m.If(sender.done):
                    m.next = "LISTEN"
        return m
