from fractions import Fraction

import pytest

from hwgen.board import load_board
from hwgen.board.families import load_family
from hwgen.board.families.ecp5 import constraints
from hwgen.board.families.ecp5_pll import find_dividers
from hwgen.errors import LimitError, ToolError

# Legal ranges in MHz of Lattice FPGA-DS-02012; written out again, not imported.
DETECTOR, OSCILLATOR, OUTPUT = (10, 400), (400, 800), (3.125, 400)


@pytest.mark.parametrize(
    ("source", "clock"),
    [
        *((25, clock) for clock in (4, 10, 12.5, 20, 30, 37.5, 40, 50, 60, 62.5, 65, 75, 80)),
        *((25, clock) for clock in (87.5, 100, 112.5, 125, 150, 200, 250, 400)),
        *((12, clock) for clock in (12, 24, 48, 96)),
        *((100, clock) for clock in (25, 50)),
    ],
)
def test_the_clock_is_exact_and_every_stage_is_in_its_range(source, clock):
    found = find_dividers(Fraction(source), Fraction(clock))

    detector = Fraction(source, found.input_div)
    oscillator = detector * found.loop_div
    assert oscillator / found.output_div == Fraction(clock)
    assert DETECTOR[0] <= detector <= DETECTOR[1]
    assert OSCILLATOR[0] <= oscillator <= OSCILLATOR[1]
    assert OUTPUT[0] <= oscillator / found.output_div <= OUTPUT[1]
    assert OUTPUT[0] <= oscillator / found.loop_div <= OUTPUT[1]
    assert max(found.input_div, found.loop_div, found.output_div) <= 128


def test_a_clock_that_cannot_be_exact_is_refused_with_its_neighbours():
    with pytest.raises(LimitError) as caught:
        find_dividers(Fraction(25), Fraction("48.3"))

    assert caught.value.exit_code == 4
    below, above = caught.value.diagnostics[0].hint.split(": ")[1].split(" or ")
    assert str(caught.value).startswith("HG822: a clock of 48.3 MHz cannot be made of 25 MHz")
    assert float(below) < 48.3 < float(above)
    for neighbour in (below, above):
        found = find_dividers(Fraction(25), Fraction(neighbour))
        assert found.clock(Fraction(25)) == Fraction(neighbour)


@pytest.mark.parametrize("clock", ["3", "401", "1000"])
def test_a_clock_out_of_range_is_refused(clock):
    with pytest.raises(LimitError, match=r"^HG822"):
        find_dividers(Fraction(25), Fraction(clock))


def test_a_source_out_of_range_is_refused():
    with pytest.raises(LimitError, match="sources are from 8 to 400 MHz"):
        find_dividers(Fraction(4), Fraction(50))


def test_constraints_place_every_pin_once():
    board = load_board("ulx3s_85f")
    lines = constraints(board).splitlines()

    located = [line.split('"')[1::2] for line in lines if line.startswith("LOCATE")]
    assert dict(located) == {
        "clk": "G2",
        "rx": "M1",
        "tx": "L4",
        "button": "D6",
        "tie_wifi_gpio0": "L2",
        **{f"led[{k}]": led.pin for k, led in enumerate(board.leds)},
    }
    assert 'FREQUENCY PORT "clk" 25.000000 MHZ;' in lines
    assert (
        "SYSCONFIG CONFIG_IOVOLTAGE=3.3 COMPRESS_CONFIG=ON MCCLK_FREQ=62 MASTER_SPI_PORT=ENABLE "
        "SLAVE_SPI_PORT=DISABLE SLAVE_PARALLEL_PORT=DISABLE;"
    ) in lines
    assert 'IOBUF PORT "button" IO_TYPE=LVCMOS33 PULLMODE=UP;' in lines
    assert 'IOBUF PORT "tx" IO_TYPE=LVCMOS33 PULLMODE=UP DRIVE=4;' in lines


def test_a_family_without_a_flow_is_refused():
    with pytest.raises(ToolError, match=r"^HG827: hwgen makes no bitstreams for the family 'xyz'"):
        load_family("xyz")
