import numpy as np
import pytest

from hwgen.errors import HwgenError, VerificationError
from hwgen.host import Link, run_tensors
from hwgen.host.packing import pack, unpack
from rtl_templates.link.protocol import Kind, Status
from support.adder_stream import INTERFACE
from support.fake_board import FakeBoard, reply

WIDE, NARROW = INTERFACE.inputs
(TOTAL,) = INTERFACE.outputs
IDENTITY = bytes((Status.OK,)) + INTERFACE.to_bytes()


class AdderBoard:
    """Takes at most ``take`` beats of a request and gives at most ``give``, and adds."""

    def __init__(self, take, give, early_end=False):
        self.take, self.give, self.early_end = take, give, early_end
        self.held = {0: b"", 1: b""}
        self.sent = 0

    def __call__(self, frame):
        if frame.kind == Kind.IDENTIFY:
            return reply(frame, IDENTITY)
        if frame.kind == Kind.WRITE:
            port = INTERFACE.inputs[frame.payload[0]]
            beats = min(self.take, (len(frame.payload) - 2) // port.beat_bytes)
            self.held[frame.payload[0]] += frame.payload[2 : 2 + beats * port.beat_bytes]
            return reply(frame, b"\0" + beats.to_bytes(2, "little"))
        ready = min(len(self.held[k]) // port.beat_bytes for k, port in enumerate(INTERFACE.inputs))
        wanted = int.from_bytes(frame.payload[1:], "little")
        count = min(ready - self.sent, wanted, self.give)
        left = TOTAL.beats - self.sent % TOTAL.beats
        count = min(count, left)
        parts = []
        for beat in range(self.sent, self.sent + count):
            codes = [
                unpack(port, self.held[k][beat * port.beat_bytes :][: port.beat_bytes])
                for k, port in enumerate(INTERFACE.inputs)
            ]
            lanes = type(TOTAL)("beat", TOTAL.bits, TOTAL.signed, TOTAL.lanes, (TOTAL.lanes,))
            parts.append(pack(lanes, codes[0] + codes[1]))
        self.sent += count
        last = bool(count) and (count == left or self.early_end)
        return reply(frame, bytes((Status.OK, last)) + b"".join(parts))


def codes(count):
    rng = np.random.default_rng(count)
    return {
        "wide": rng.integers(-256, 256, (count, 12)),
        "narrow": rng.integers(0, 16, (count, 12)),
    }


@pytest.mark.parametrize(("take", "give"), [(100, 100), (1, 100), (100, 1), (4, 5)])
def test_partial_transfers_are_continued(take, give):
    sent = codes(3)

    got = run_tensors(Link(FakeBoard(AdderBoard(take, give))), INTERFACE, sent)

    np.testing.assert_array_equal(got["total"], sent["wide"] + sent["narrow"])


@pytest.mark.parametrize(
    ("take", "give", "message"),
    [
        (0, 9, "the accelerator did not take wide for 2 s"),
        (9, 0, "the accelerator did not give total for 2 s"),
    ],
)
def test_an_accelerator_that_hangs_is_reported(take, give, message):
    board = FakeBoard(AdderBoard(take, give), tick_s=0.01)

    with pytest.raises(VerificationError, match=message) as caught:
        run_tensors(Link(board), INTERFACE, codes(1), patience_s=2)
    assert (caught.value.code, caught.value.exit_code) == ("HG845", 1)


def test_an_end_of_tensor_in_the_wrong_place_is_reported():
    board = FakeBoard(AdderBoard(9, 2, early_end=True))

    with pytest.raises(VerificationError, match="the end of total came after 2 of 6 beats"):
        run_tensors(Link(board), INTERFACE, codes(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"narrow": None}, "inputs are given as wide\n.*the accelerator has wide, narrow"),
        ({"wide": np.zeros((2, 11), np.int64)}, r"input wide has shape \(2, 11\)"),
        ({"wide": np.zeros((0, 12), np.int64)}, r"input wide has shape \(0, 12\)"),
        ({"wide": np.full((2, 12), 256)}, r"codes from 256 to 256\n.*in \[-256, 255\]"),
        ({"narrow": np.full((2, 12), -1)}, r"codes from -1 to -1\n.*in \[0, 15\]"),
        ({"wide": np.zeros((3, 12), np.int64)}, r"different numbers of tensors: \[2, 3\]"),
    ],
)
def test_codes_that_do_not_fit_are_refused(change, message):
    given = {name: value for name, value in (codes(2) | change).items() if value is not None}

    with pytest.raises(HwgenError, match=message) as caught:
        run_tensors(Link(FakeBoard(AdderBoard(9, 9))), INTERFACE, given)
    assert caught.value.code == "HG846"
