# amaranth: UnusedElaboratable=no

from dataclasses import replace

import pytest

from hwgen.board import board_top, board_verilog, check_fit, link_timing, load_board
from hwgen.errors import LimitError
from support.adder_stream import INTERFACE, AdderStream

BOARD = load_board("ulx3s_85f")


@pytest.mark.parametrize(("clock", "divisor"), [(25.0, 25), (50.0, 50), (51.2, 51)])
def test_the_divisor_is_the_nearest_and_its_error_is_told(clock, divisor):
    timing = link_timing(BOARD, clock)

    assert timing.divisor == divisor
    assert timing.baud_error == pytest.approx(abs(clock / divisor - 1))
    assert timing.quiet == clock * 20_000
    assert timing.stall == clock * 1000


def test_a_baud_rate_more_than_two_percent_off_is_refused():
    with pytest.raises(LimitError, match=r"^HG823: one bit at 1000000 baud is 12\.500 cycles"):
        link_timing(BOARD, 12.5)


def test_a_clock_too_slow_for_the_baud_rate_is_refused():
    with pytest.raises(LimitError, match="a multiple of 1, at least 4") as caught:
        link_timing(BOARD, 3.125)
    assert caught.value.exit_code == 4


def test_the_pll_is_there_only_if_the_clock_is_another():
    own = board_verilog(board_top(AdderStream(), INTERFACE, BOARD, 25.0))
    other = board_verilog(board_top(AdderStream(), INTERFACE, BOARD, 50.0))

    assert "EHXPLLL" not in own
    assert "EHXPLLL" in other
    # Without these the primitive's loop filter is off and it never locks.
    assert 'ICP_CURRENT = "12"' in other
    assert 'LPF_RESISTOR = "8"' in other


def test_the_text_is_the_same_every_time():
    first, second = (
        board_verilog(board_top(AdderStream(), INTERFACE, BOARD, 50.0)) for _ in range(2)
    )

    assert first == second
    assert "/work" not in first
    assert ".py" not in first


def test_a_beat_that_no_frame_can_carry_is_refused():
    wide = replace(INTERFACE.inputs[0], bits=16, lanes=256)
    interface = replace(INTERFACE, inputs=(wide, INTERFACE.inputs[1]))

    with pytest.raises(LimitError, match=r"^HG826: a beat of wide takes 512 bytes, and .* 510\n"):
        check_fit(interface, BOARD, 25.0)


def test_an_identity_that_no_frame_can_carry_is_refused():
    port = replace(INTERFACE.outputs[0], name="x" * 200)
    interface = replace(INTERFACE, outputs=(port, port, port))

    with pytest.raises(LimitError, match=r"^HG826: the names and shapes .* has room for 511\n"):
        check_fit(interface, BOARD, 25.0)


@pytest.mark.parametrize(("clock", "code"), [(48.3, "HG822"), (12.5, "HG823"), (800.0, "HG822")])
def test_a_clock_that_the_board_cannot_have_is_refused(clock, code):
    with pytest.raises(LimitError) as caught:
        check_fit(INTERFACE, BOARD, clock)
    assert caught.value.code == code


@pytest.mark.parametrize("clock", [25.0, 40.0, 50.0, 75.0, 100.0])
def test_common_clocks_are_fine(clock):
    check_fit(INTERFACE, BOARD, clock)
