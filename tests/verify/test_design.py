import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgen.verify.design import pack, port_bytes, unpack


def by_hand(codes, lanes, bits):
    """Return the beats as Python integers, one shift at a time."""
    beats = []
    for start in range(0, len(codes), lanes):
        word = 0
        for lane, code in enumerate(codes[start : start + lanes]):
            word |= (code % (1 << bits)) << (lane * bits)
        beats.append(word)
    return beats


@given(
    st.integers(0, 3),
    st.integers(2, 17),
    st.booleans(),
    st.lists(st.integers(-(2**31), 2**31), min_size=1, max_size=9),
)
def test_beats_are_what_shifting_by_hand_gives(log_lanes, bits, signed, values):
    lanes = 1 << log_lanes
    low = -(1 << (bits - 1)) if signed else 0
    codes = [low + value % (1 << bits) for value in values for _ in range(lanes)]

    beats = pack(np.array(codes), lanes, bits)

    assert [int.from_bytes(beat.tobytes(), "little") for beat in beats] == by_hand(
        codes, lanes, bits
    )
    assert unpack(beats, lanes, bits, signed).tolist() == codes


@pytest.mark.parametrize(
    ("width", "size"), [(1, 1), (8, 1), (9, 2), (17, 4), (33, 8), (64, 8), (65, 12), (128, 16)]
)
def test_ports_have_the_size_that_verilator_gives_them(width, size):
    assert port_bytes(width) == size
