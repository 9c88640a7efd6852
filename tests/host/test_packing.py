import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwgen.board.interface import Port
from hwgen.host.packing import pack, unpack


@st.composite
def ports_and_codes(draw):
    bits = draw(st.integers(2, 20))
    lanes = draw(st.sampled_from([1, 2, 4, 8]))
    port = Port("x", bits, draw(st.booleans()), lanes, (lanes * draw(st.integers(1, 6)),))
    low = -(1 << (bits - 1)) if port.signed else 0
    code = st.integers(low, low + (1 << bits) - 1)
    codes = draw(st.lists(code, min_size=port.elements, max_size=port.elements))
    return port, codes


@given(ports_and_codes())
def test_a_beat_is_its_elements_as_one_little_endian_number(case):
    port, codes = case
    want = b""
    for start in range(0, port.elements, port.lanes):
        word = 0
        for lane, code in enumerate(codes[start : start + port.lanes]):
            word |= (code % (1 << port.bits)) << (lane * port.bits)
        want += word.to_bytes((port.bits * port.lanes + 7) // 8, "little")

    assert pack(port, np.array(codes)) == want


@given(ports_and_codes())
def test_unpack_is_the_inverse(case):
    port, codes = case

    assert unpack(port, pack(port, np.array(codes))).tolist() == codes
