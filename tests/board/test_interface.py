from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgen.board import Interface, Port
from support.adder_stream import INTERFACE

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
PORTS = st.builds(
    Port,
    NAMES,
    st.integers(2, 32),
    st.booleans(),
    st.sampled_from([1, 2, 16, 256]),
    st.lists(st.integers(1, 4096), min_size=1, max_size=3).map(tuple),
)
BYTE = st.integers(0, 255)


@given(
    st.builds(
        Interface,
        NAMES,
        st.binary(min_size=32, max_size=32).map(bytes.hex),
        st.tuples(BYTE, BYTE, BYTE),
        st.lists(PORTS, max_size=3).map(tuple),
        st.lists(PORTS, max_size=3).map(tuple),
    )
)
def test_what_the_board_says_is_understood(interface):
    assert Interface.from_bytes(interface.to_bytes()) == interface


def test_any_damage_of_the_length_is_noticed():
    block = INTERFACE.to_bytes()

    for size in range(len(block)):
        with pytest.raises(ValueError, match="Identity block"):
            Interface.from_bytes(block[:size])
    with pytest.raises(ValueError, match="1 bytes too many"):
        Interface.from_bytes(block + b"\0")


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="format 9, not 2"):
        Interface.from_bytes(b"\x09" + INTERFACE.to_bytes()[1:])


def test_sizes_follow_from_shape_bits_and_lanes():
    port = replace(INTERFACE.inputs[0], bits=3, lanes=4, shape=(2, 4, 4))

    assert (port.elements, port.beats, port.beat_bits, port.beat_bytes) == (32, 8, 12, 2)
