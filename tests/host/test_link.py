import pytest

from hwgen.errors import HwgenError, ToolError
from hwgen.host import Link
from hwgen.host.frames import Frame, encode
from rtl_templates.link.protocol import REPLY, Kind, Status
from support.adder_stream import INTERFACE
from support.fake_board import FakeBoard, reply

BLOCK = bytes((Status.OK,)) + INTERFACE.to_bytes()


def serve(table):
    """Answer each kind of request from a table; IDENTIFY is there already."""
    table = {Kind.IDENTIFY: BLOCK} | table
    return FakeBoard(lambda frame: reply(frame, table[frame.kind]))


def test_the_first_request_starts_a_session_with_sequence_zero():
    board = serve({Kind.RESET: b"\0"})
    link = Link(board)

    link.reset()
    link.reset()

    assert [(f.sequence, f.kind) for f in board.requests] == [
        (0, Kind.IDENTIFY),
        (1, Kind.RESET),
        (2, Kind.RESET),
    ]


def test_sequence_numbers_wrap_around_without_zero():
    board = serve({Kind.RESET: b"\0"})
    link = Link(board)
    for _ in range(257):
        link.reset()

    assert [f.sequence for f in board.requests[-3:]] == [255, 1, 2]


def test_registers_travel_little_endian():
    board = serve({Kind.READ_REGISTER: b"\0\x78\x56\x34\x12", Kind.WRITE_REGISTER: b"\0"})
    link = Link(board)

    assert link.read_register(9) == 0x12345678
    link.write_register(2, 0xAABBCCDD)

    assert [f.payload.hex() for f in board.requests[1:]] == ["09", "02ddccbbaa"]


@pytest.mark.parametrize("status", [Status.BAD_CRC, Status.TRUNCATED, Status.TOO_LONG])
def test_a_request_that_arrived_broken_is_sent_again_with_the_same_number(status):
    complaints = [Frame(0, REPLY, bytes((status,)))] * 2

    def answer(frame):
        if frame.kind == Kind.RESET and complaints:
            return complaints.pop()
        return reply(frame, BLOCK if frame.kind == Kind.IDENTIFY else b"\0")

    board = FakeBoard(answer)
    link = Link(board)
    link.reset()

    assert [f.sequence for f in board.requests] == [0, 1, 1, 1]
    assert link.retries == 2


def test_a_late_answer_to_an_earlier_request_is_skipped():
    late = encode(Frame(0, Kind.IDENTIFY | REPLY, BLOCK))

    def answer(frame):
        if frame.kind == Kind.IDENTIFY:
            return reply(frame, BLOCK)
        return late + encode(reply(frame, b"\0\x05\x00\x00\x00"))

    assert Link(FakeBoard(answer)).read_register(0) == 5


def test_silence_is_an_error_that_names_the_cure():
    board = FakeBoard(lambda frame: None)

    with pytest.raises(ToolError) as caught:
        Link(board, timeout_s=0.5, attempts=3).identify()

    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        "HG842: no right answer to IDENTIFY in 3 attempts (no answer)\n"
        "  hint: check that the board is programmed (hwgen flash), and the port and baud rate"
    )
    assert len(board.requests) == 3
    assert board.now() == pytest.approx(1.5)


def test_lasting_damage_is_reported_as_such():
    board = FakeBoard(lambda frame: Frame(0, REPLY, bytes((Status.BAD_CRC,))))

    with pytest.raises(ToolError, match=r"in 4 attempts \(the board reports BAD_CRC\)"):
        Link(board).identify()


@pytest.mark.parametrize(
    ("table", "call", "message"),
    [
        ({Kind.IDENTIFY: b"\0abc"}, "reset", "not as a hwgen board: Identity block of 3 bytes"),
        ({Kind.RESET: bytes((Status.UNKNOWN_KIND,))}, "reset", "RESET with UNKNOWN_KIND"),
        ({Kind.RESET: b"\x77"}, "reset", "RESET with status 119"),
    ],
)
def test_a_board_that_is_not_ours_is_refused(table, call, message):
    with pytest.raises(ToolError, match=message) as caught:
        getattr(Link(serve(table)), call)()
    assert caught.value.code == "HG843"


def test_odd_sizes_are_refused():
    wide, total = INTERFACE.inputs[0], INTERFACE.outputs[0]
    link = Link(serve({Kind.WRITE: b"\0\x01", Kind.READ: b"\0\0\x01", Kind.READ_REGISTER: b"\0"}))

    for call in (
        lambda: link.write(0, wide, bytes(wide.beat_bytes), last=True),
        lambda: link.read(0, total, 3),
        lambda: link.read_register(1),
    ):
        with pytest.raises(ToolError) as caught:
            call()
        assert caught.value.code == "HG843"


def test_a_board_with_another_build_is_refused():
    from dataclasses import replace

    other = replace(INTERFACE, name="digits", identity="ab" * 32)

    with pytest.raises(HwgenError) as caught:
        Link(serve({})).check_identity(other)

    assert str(caught.value) == (
        "HG844: the board carries adder 000102030405, not digits abababababab\n"
        "  hint: program this build with hwgen flash, or run the build that is on the board"
    )


def test_a_link_closes_its_transport():
    board = serve({})
    with Link(board):
        pass

    assert board.closed
