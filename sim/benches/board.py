"""Bench of a whole board top: the host driver talks to it over the serial line.

``HWGEN_BENCH`` names a JSON file with ``clock_ns``, ``bit_ns``, ``quiet_ns`` (the link's limit),
``seed`` and ``vectors``, an ``.npz`` with ``identity`` (the interface block as bytes), and
``in_<input>``, ``out_<output>``: codes of tensors in stream order, and what must come back.
Nothing here knows what the accelerator computes.
"""

import json
import os
import random
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.task import bridge
from cocotb.triggers import Timer

from hwgen.board.interface import Interface
from hwgen.errors import ToolError
from hwgen.host.frames import Frame, FrameDecoder, encode
from hwgen.host.link import Link
from hwgen.host.run import run_tensors
from hwgen.host.transport import port_lost
from rtl_templates.link.protocol import MAX_PAYLOAD, REPLY, SYNC, Kind, Status
from sim.drivers.uart import SerialPins, SimulatedPort

BENCH = json.loads(Path(os.environ["HWGEN_BENCH"]).read_text())
VECTORS = dict(np.load(BENCH["vectors"], allow_pickle=False))
INTERFACE = Interface.from_bytes(VECTORS["identity"].tobytes())
INPUTS = {port.name: VECTORS[f"in_{port.name}"] for port in INTERFACE.inputs}
TIMEOUT_S = 1e-9 * (BENCH["quiet_ns"] + 2000 * 10 * BENCH["bit_ns"])
LONG = {"timeout_time": 2, "timeout_unit": "sec"}


class BadLine:
    """A transport that damages what passes, as ``damage(data)`` says, in either direction."""

    def __init__(self, port, to_board=None, from_board=None):
        self._port = port
        self._to_board = to_board or (lambda data: data)
        self._from_board = from_board or (lambda data: data)
        self.now = port.now
        self.close = port.close

    def write(self, data):
        """Send what is left of the bytes."""
        self._port.write(self._to_board(data))

    def read(self, timeout_s):
        """Return what is left of the bytes that came."""
        return self._from_board(self._port.read(timeout_s))


def flip(rng, data):
    """Return the bytes with one bit turned over."""
    if not data:
        return data
    damaged = bytearray(data)
    damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


async def start(dut):
    """Start the clock, wait for the board's own reset, return the serial port."""
    cocotb.start_soon(Clock(dut.clk, BENCH["clock_ns"], "ns").start())
    dut.button.value = BENCH["button_rests"]
    port = SimulatedPort(SerialPins(dut, BENCH["bit_ns"]))
    await Timer(20 * BENCH["clock_ns"], "ns")
    return port


def link_on(port):
    """Return the driver, with a patience that suits the simulated link."""
    return Link(port, timeout_s=TIMEOUT_S)


def check(link, count=None):
    """Run tensors; all that comes back must be what is expected."""
    codes = {name: values[:count] for name, values in INPUTS.items()}
    got = run_tensors(link, INTERFACE, codes, patience_s=10 * TIMEOUT_S)
    for port in INTERFACE.outputs:
        want = VECTORS[f"out_{port.name}"][:count]
        np.testing.assert_array_equal(got[port.name], want, err_msg=port.name)


def ask(port, data):
    """Send raw bytes; return the frame that answers, or None if nothing does."""
    decoder = FrameDecoder()
    port.write(data)
    deadline = port.now() + TIMEOUT_S
    while port.now() < deadline:
        frames = decoder.feed(port.read(deadline - port.now()))
        if frames:
            return frames[0]
    return None


def driven(**options):
    """Make a cocotb test of a plain function that is given the serial port."""

    def wrap(function):
        async def test(dut):
            await bridge(function)(await start(dut))

        test.__name__ = test.__qualname__ = function.__name__
        test.__doc__ = function.__doc__
        test.__module__ = function.__module__
        return cocotb.test(**LONG, **options)(test)

    return wrap


@driven()
def says_who_it_is_and_runs_tensors(port):
    """IDENTIFY, then all tensors back to back, without a single retry."""
    link = link_on(port)
    assert link.identify() == INTERFACE
    link.check_identity(INTERFACE)
    check(link)
    assert link.retries == 0


@driven()
def a_damaged_request_is_sent_again(port):
    """A bad CRC never reaches the accelerator: the next attempt gives the right result."""
    rng = random.Random(BENCH["seed"])
    writes = 0

    def damage(data):
        nonlocal writes
        writes += 1
        return flip(rng, data[:-1]) + data[-1:] if writes % 3 == 1 else data

    link = link_on(BadLine(port, to_board=damage))
    check(link, 2)
    assert link.retries > 0


@driven()
def a_damaged_reply_does_not_repeat_the_request(port):
    """The board carries a repeated request out once; else tensors would shift."""
    rng = random.Random(BENCH["seed"])
    writes, armed = 0, False

    def count(data):
        nonlocal writes, armed
        writes += 1
        armed = writes % 3 == 2
        return data

    def damage(data):
        nonlocal armed
        hit, armed = armed and data, armed and not data
        return flip(rng, data) if hit else data

    link = link_on(BadLine(port, to_board=count, from_board=damage))
    check(link, 2)
    assert link.retries > 0


@driven()
def a_truncated_frame_is_reported(port):
    """Half a frame, then silence: TRUNCATED, and the link works on."""
    frame = encode(Frame(7, Kind.WRITE, bytes(20)))
    for size in (1, 3, 10, len(frame) - 1):
        reply = ask(port, frame[:size])
        assert reply == Frame(0, REPLY, bytes((Status.TRUNCATED,))), (size, reply)
    check(link_on(port), 1)


@driven()
def frames_that_make_no_sense_are_refused(port):
    """Each has its status; nothing else happens."""
    head = bytes((SYNC, 1, Kind.WRITE))
    overlong = head + (MAX_PAYLOAD + 1).to_bytes(2, "little") + bytes(40)
    assert ask(port, overlong).payload == bytes((Status.TOO_LONG,))
    damaged = flip(random.Random(BENCH["seed"]), encode(Frame(3, Kind.IDENTIFY, b""))[1:-2])
    reply = ask(port, bytes((SYNC,)) + damaged + b"\0\0")
    assert reply.payload[0] in (Status.BAD_CRC, Status.TRUNCATED, Status.TOO_LONG)

    beat = INTERFACE.inputs[0].beat_bytes
    nowhere = bytes((len(INTERFACE.inputs), 0))
    cases = [
        (0x7F, b"", Status.UNKNOWN_KIND),
        (0, b"", Status.UNKNOWN_KIND),
        (Kind.IDENTIFY, b"x", Status.WRONG_LENGTH),
        (Kind.WRITE, b"\0", Status.WRONG_LENGTH),
        (Kind.WRITE, nowhere + bytes(beat), Status.NO_SUCH_PORT),
        (Kind.READ, b"\0", Status.WRONG_LENGTH),
        (Kind.READ, bytes((len(INTERFACE.outputs), 1, 0)), Status.NO_SUCH_PORT),
        (Kind.READ_REGISTER, b"", Status.WRONG_LENGTH),
        (Kind.WRITE_REGISTER, b"\0\0", Status.WRONG_LENGTH),
        (Kind.RESET, b"\0", Status.WRONG_LENGTH),
    ]
    if beat > 1:
        cases.append((Kind.WRITE, bytes(2 + 2 * beat - 1), Status.WRONG_LENGTH))
    for sequence, (kind, payload, status) in enumerate(cases, start=10):
        reply = ask(port, encode(Frame(sequence, kind, payload)))
        assert reply == Frame(sequence, kind | REPLY, bytes((status,))), (kind, payload, reply)
    check(link_on(port), 1)


@driven()
def noise_on_the_line_is_survived(port):
    """Stray bytes, glitches and a break between and before frames."""
    rng = random.Random(BENCH["seed"])
    link = link_on(port)
    for noise in (b"\x00", bytes((SYNC,)), bytes((SYNC, SYNC)), rng.randbytes(30)):
        port.write(noise)
        assert link.identify() == INTERFACE
    port.hold(0, 0.2)
    port.hold(0, 25)
    port.read(2 * TIMEOUT_S)
    check(link, 1)


@driven()
def an_unplugged_port_ends_the_run(port):
    """The line goes away in mid-frame: a clear error, and a new session works."""
    sent = 0

    def unplug(data):
        nonlocal sent
        sent += 1
        if sent == 3:
            port.write(data[: len(data) // 2])
            raise port_lost("simulated", "device disconnected")
        return data

    try:
        check(link_on(BadLine(port, to_board=unplug)))
    except ToolError as error:
        assert error.code == "HG841"
    else:
        raise AssertionError("the run ended as if nothing had happened")
    link = link_on(port)
    assert link.identify() == INTERFACE
    link.reset()
    check(link)


@driven()
def reset_drops_a_tensor_in_flight(port):
    """Half of a tensor, then RESET: the next tensor starts at its beginning."""
    link = link_on(port)
    for index, item in enumerate(INTERFACE.inputs):
        beats = max(1, item.beats // 2)
        link.write(index, item, bytes(min(beats, 100) * item.beat_bytes), last=False)
    link.reset()
    check(link, 2)


@cocotb.test(**LONG)
async def the_button_resets(dut):
    """The board's button in mid-frame resets link and accelerator."""
    port = await start(dut)
    frame = encode(Frame(1, Kind.IDENTIFY, b""))
    await bridge(port.write)(frame[:4])
    dut.button.value = not BENCH["button_rests"]
    await Timer(50 * BENCH["clock_ns"], "ns")
    dut.button.value = BENCH["button_rests"]
    await Timer(50 * BENCH["clock_ns"], "ns")

    def after():
        reply = ask(port, frame)
        assert reply is not None
        assert reply.kind == Kind.IDENTIFY | REPLY
        check(link_on(port), 1)

    await bridge(after)()
