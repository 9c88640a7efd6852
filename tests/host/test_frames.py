import binascii
import random

import pytest

from hwgen.host.frames import Frame, FrameDecoder, crc16, encode
from rtl_templates.link.protocol import MAX_PAYLOAD

FRAMES = [Frame(0, 1, b""), Frame(255, 0x82, bytes(range(256))), Frame(165, 165, b"\xa5" * 9)]


@pytest.mark.parametrize("size", [0, 1, 9, 300])
def test_the_crc_is_the_one_of_the_standard_library(size):
    data = random.Random(size).randbytes(size)

    assert crc16(data) == binascii.crc_hqx(data, 0xFFFF)


def test_a_frame_is_the_bytes_that_the_protocol_says():
    assert encode(Frame(3, 2, b"ab")).hex(" ") == "a5 03 02 02 00 61 62 1d e4"


def test_frames_are_found_however_the_bytes_arrive():
    data = b"".join(map(encode, FRAMES))
    for step in (1, 2, 7, len(data)):
        decoder = FrameDecoder()
        found = [
            frame
            for start in range(0, len(data), step)
            for frame in decoder.feed(data[start : start + step])
        ]
        assert found == FRAMES
        assert decoder.broken == 0


def test_a_good_frame_behind_noise_is_found():
    noise = b"\xa5\x01\x02\x05\x00"  # looks like the head of a frame with five bytes
    decoder = FrameDecoder()

    found = decoder.feed(noise + encode(FRAMES[1]))

    assert found + decoder.flush() == [FRAMES[1]]
    assert decoder.broken > 0


def test_a_frame_cut_short_is_given_up_when_the_line_is_quiet():
    decoder = FrameDecoder()

    assert decoder.feed(encode(FRAMES[1])[:-1]) == []
    assert decoder.flush() == []
    assert decoder.feed(encode(FRAMES[0])) == [FRAMES[0]]


def test_too_long_a_payload_is_refused():
    with pytest.raises(ValueError, match=r"^Payload must be at most 512 bytes, not 513$"):
        encode(Frame(0, 0, bytes(MAX_PAYLOAD + 1)))
