"""Tensors of several lengths through a board: the length is told before each one."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen.board.interface import Interface, Port
from hwgen.errors import HwgenError
from hwgen.host import Link, run_tensors
from rtl_templates.control.registers import LENGTH
from rtl_templates.link.protocol import FLAG_LAST, Kind, Status
from support.fake_board import FakeBoard, reply

LENGTHS = (4, 2, 1)
INTERFACE = Interface(
    "echo",
    bytes(range(32)).hex(),
    (0, 1, 0),
    (Port("x", 8, True, 2, (4, 2), True), Port("bias", 8, True, 2, (2,))),
    (Port("y", 8, True, 2, (4, 2), True),),
    LENGTHS,
)


class EchoBoard:
    """Gives what came on ``x`` back, a tensor at a time, and ends it after the rows it was told."""

    def __init__(self):
        self.told, self.log, self.held, self.sent = None, [], b"", 0

    def __call__(self, frame):
        if frame.kind == Kind.IDENTIFY:
            return reply(frame, bytes((Status.OK,)) + INTERFACE.to_bytes())
        if frame.kind == Kind.WRITE_REGISTER:
            assert frame.payload[0] == LENGTH
            assert not self.held, "the tensor before has not left"
            self.told = int.from_bytes(frame.payload[1:], "little")
            self.log.append(self.told)
            return reply(frame, bytes((Status.OK,)))
        if frame.kind == Kind.WRITE:
            beats = (len(frame.payload) - 2) // 2
            if frame.payload[0] == 0:
                self.held += frame.payload[2:]
                assert (len(self.held) == 2 * self.told) == bool(frame.payload[1] & FLAG_LAST)
            return reply(frame, b"\0" + beats.to_bytes(2, "little"))
        count = min(int.from_bytes(frame.payload[1:], "little"), len(self.held) // 2 - self.sent)
        data = self.held[2 * self.sent : 2 * (self.sent + count)]
        self.sent += count
        last = self.sent == self.told
        if last:
            self.held, self.sent = b"", 0
        return reply(frame, bytes((Status.OK, last)) + data)


def sent(tensors):
    rng = np.random.default_rng(tensors)
    return {
        "x": rng.integers(-128, 128, (tensors, 8)),
        "bias": rng.integers(-128, 128, (tensors, 2)),
    }


def test_each_tensor_follows_its_length():
    board, codes, lengths = EchoBoard(), sent(5), [4, 1, 1, 2, 4]

    got = run_tensors(Link(FakeBoard(board)), INTERFACE, codes, lengths=lengths)

    counts = np.arange(8) < 2 * np.array(lengths)[:, None]
    np.testing.assert_array_equal(got["y"], codes["x"] * counts)
    assert board.log == lengths


def test_the_longest_is_the_default():
    board, codes = EchoBoard(), sent(2)
    got = run_tensors(Link(FakeBoard(board)), INTERFACE, codes)
    np.testing.assert_array_equal(got["y"], codes["x"])
    assert board.log == [4, 4]


@pytest.mark.parametrize("lengths", [[4], [4, 3], [4, 0]])
def test_other_lengths_are_refused(lengths):
    with pytest.raises(HwgenError, match="HG846: 2 tensors have lengths"):
        run_tensors(Link(FakeBoard(EchoBoard())), INTERFACE, sent(2), lengths=lengths)


def test_the_identity_block_holds_the_lengths():
    assert Interface.from_bytes(INTERFACE.to_bytes()) == INTERFACE
    assert Interface.from_bytes(replace(INTERFACE, lengths=()).to_bytes()).lengths == ()
