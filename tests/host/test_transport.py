import os
import threading
import tty

import pytest

from hwgen.errors import ToolError
from hwgen.host import Link, SerialTransport
from hwgen.host.frames import FrameDecoder, encode
from rtl_templates.link.protocol import Status
from support.adder_stream import INTERFACE
from support.fake_board import reply


@pytest.fixture
def terminal():
    """A pseudo-terminal: the board's end as a file descriptor, the host's as a device name."""
    board, host = os.openpty()
    tty.setraw(board)
    tty.setraw(host)
    name = os.ttyname(host)
    os.close(host)
    open_ends = [board]
    yield open_ends, name
    for end in open_ends:
        os.close(end)


def test_bytes_pass_in_both_directions(terminal):
    (board,), name = terminal
    port = SerialTransport(name, 115200)

    port.write(b"\x00\xa5\x11\x13")
    assert os.read(board, 10) == b"\x00\xa5\x11\x13"
    os.write(board, b"\x03\x04\x7f")
    assert port.read(5) == b"\x03\x04\x7f"
    assert port.read(0.01) == b""
    port.close()


def test_the_driver_talks_through_a_serial_port(terminal):
    (board,), name = terminal

    def answer():
        decoder, frames = FrameDecoder(), []
        while not frames:
            frames = decoder.feed(os.read(board, 100))
        os.write(board, encode(reply(frames[0], bytes((Status.OK,)) + INTERFACE.to_bytes())))

    transport = SerialTransport(name, 1_000_000)  # while nobody has it open, reads fail with EIO
    thread = threading.Thread(target=answer)
    thread.start()
    with Link(transport, timeout_s=10) as link:
        assert link.identify() == INTERFACE
    thread.join()


def test_a_port_that_goes_away_is_an_error_not_a_hang(terminal):
    ends, name = terminal
    port = SerialTransport(name, 115200)
    os.close(ends.pop())  # as when the cable is pulled

    with pytest.raises(ToolError, match=f"^HG841: serial port {name} was lost: ") as caught:
        for _ in range(3):
            port.write(b"x")
            port.read(5)
    assert caught.value.exit_code == 3
    port.close()


def test_a_port_that_is_not_there_is_an_error_with_a_command():
    with pytest.raises(ToolError) as caught:
        SerialTransport("/dev/ttyNOWHERE7", 115200)

    text = str(caught.value)
    assert text.startswith("HG840: serial port /dev/ttyNOWHERE7 cannot be opened at 115200 baud:")
    assert text.endswith("hint: list the ports with: python -m serial.tools.list_ports")
