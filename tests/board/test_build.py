"""Synthesis, place and route of one small circuit; the larger ones are in ``benchmarks``."""

import re
from dataclasses import replace

import pytest

from hwgen.board import (
    TOP_NAME,
    Usage,
    board_top,
    board_verilog,
    build_bitstream,
    flash,
    load_board,
    synth_stats,
)
from hwgen.errors import HwgenError, LimitError, ToolError
from support.adder_stream import INTERFACE, AdderStream

BOARD = load_board("ulx3s_85f")

# A multiplier, a block RAM, registers: one of everything that is counted.
COUNTED = """
module counted(input clk, input [17:0] a, input [17:0] b, input [8:0] at, input w,
               output reg [35:0] p, output reg [17:0] q);
  reg [17:0] m [0:511];
  always @(posedge clk) begin
    p <= a * b;
    if (w) m[at] <= a;
    q <= m[at];
  end
endmodule
"""


@pytest.mark.parametrize(
    ("family", "multipliers", "block_ram"), [("ecp5", 1, 1), ("ice40", 3, 3), ("xilinx", 2, 1)]
)
def test_synthesis_counts_hard_blocks_of_each_family(family, multipliers, block_ram):
    area = synth_stats(COUNTED, "counted", family)

    assert area["multipliers"] == multipliers
    assert area["block_ram"] == block_ram
    assert area["lutram"] == 0
    assert area["ff"] <= 36 + 18 + 60


def test_an_unknown_family_is_refused():
    with pytest.raises(
        ToolError, match=r"^HG827: .*'acme'\n  hint: ecp5, ice40, xilinx, xcup, nexus, gowin$"
    ):
        synth_stats(COUNTED, "counted", "acme")


def test_verilog_that_yosys_refuses_is_reported():
    with pytest.raises(ToolError, match="syntax error") as caught:
        synth_stats("module x(; endmodule", "x", "ecp5")
    assert caught.value.exit_code == 3


@pytest.fixture(scope="module")
def routed(tmp_path_factory):
    """A bitstream of the link with the adder, its folder, its text, and the lines of progress."""
    folder = tmp_path_factory.mktemp("bitstream")
    verilog = board_verilog(board_top(AdderStream(), INTERFACE, BOARD, 50.0))
    lines = []
    result = build_bitstream(verilog, TOP_NAME, BOARD, 50.0, folder, progress=lines.append)
    return result, folder, verilog, lines


def test_a_bitstream_with_its_area_and_clock(routed):
    result, folder, _, lines = routed

    # The device's identification code stands in a bitstream's VERIFY_ID command.
    assert bytes.fromhex("41113043") in result.bitstream.read_bytes()
    assert result.bitstream.parent == folder
    assert result.fmax_mhz > 50
    assert (result.clock_mhz, result.seed, result.cached) == (50.0, 1, False)
    assert result.area["block_ram"] == Usage(1, 208)
    assert result.area["EHXPLLL"].used == 1
    assert 500 < result.area["lut4"].used < 3000
    assert result.area["lut4"].available == BOARD.resources.lut4
    assert result.area["multipliers"].available == BOARD.resources.multipliers
    assert set(result.tools) == {"pyosys", "nextpnr-ecp5", "ecppack"}
    assert len(lines) == 2


def test_the_router_was_told_the_clock_of_the_pll(routed):
    _, folder, _, _ = routed
    log = (folder / "route.log").read_text()

    assert "Derived frequency constraint of 50.0 MHz" in log


def test_nothing_is_done_twice(routed):
    result, folder, verilog, _ = routed
    lines = []

    again = build_bitstream(verilog, TOP_NAME, BOARD, 50.0, folder, progress=lines.append)

    assert again == replace(result, cached=True)
    assert lines == []


def test_a_damaged_result_is_not_used(routed, tmp_path):
    result, _, verilog, _ = routed
    small = BOARD.model_copy(
        update={"resources": BOARD.resources.model_copy(update={"block_ram": 0})}
    )
    (tmp_path / "result.json").write_text('{"key": "x"')

    # It goes on to synthesis, where the device is found too small.
    with pytest.raises(LimitError, match=r"^HG824: .* 1 block_ram of 0\n") as caught:
        build_bitstream(verilog, TOP_NAME, small, 50.0, tmp_path)
    assert caught.value.exit_code == 4
    assert result.fmax_mhz > 0


def test_a_missed_clock_is_a_limit_with_numbers(tmp_path):
    slow = """
module slow(input clk, input rx, output reg tx);
  reg [15:0] a;
  always @(posedge clk) begin a <= {a[14:0], rx}; tx <= a % 7 == 3; end
endmodule
"""
    with pytest.raises(LimitError) as caught:
        build_bitstream(slow, "slow", BOARD, 300.0, tmp_path, seed=4)

    # The router says it in its own words, too.
    words = re.findall(r"Max frequency.*: ([0-9.]+) MHz", (tmp_path / "route.log").read_text())
    reached = f"{float(words[-1]):g}"
    assert caught.value.exit_code == 4
    assert str(caught.value) == (
        f"HG825: the router reaches {reached} MHz, not 300 MHz (seed 4)\n"
        f"  hint: accelerator.clock_mhz: at most {reached}; the slowest paths are in "
        f"{tmp_path / 'route.log'}"
    )


def test_what_only_the_placer_finds_too_large_is_a_limit_with_numbers(tmp_path):
    count = BOARD.resources.block_ram + 1
    cells = "".join(
        f"(* keep *) DP16KD r{k} (.CLKA(clk), .DIA0(rx), .DOA0(q[{k}]));\n" for k in range(count)
    )
    text = f"""
module many(input clk, input rx, output tx);
  wire [{count - 1}:0] q;
  assign tx = ^q;
  {cells}
endmodule
"""
    boast = BOARD.resources.model_copy(update={"block_ram": 9999})
    board = BOARD.model_copy(update={"resources": boast})

    with pytest.raises(LimitError, match=rf"^HG824: .* {count} DP16KD of {count - 1}\n") as caught:
        build_bitstream(text, "many", board, 50.0, tmp_path)
    assert caught.value.exit_code == 4


def test_flashing_calls_the_boards_tool(routed, tmp_path, monkeypatch):
    result = routed[0]
    tool = tmp_path / "openFPGALoader"
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert flash(BOARD, result.bitstream) == f"--board ulx3s {result.bitstream}\n"


def test_flashing_without_the_tool_names_the_command(routed, monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ToolError, match=r"^HG801: openFPGALoader .*\n  hint: .*install") as caught:
        flash(BOARD, routed[0].bitstream)
    assert caught.value.exit_code == 3


def test_flashing_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(HwgenError, match=r"^HG828: .*\n  hint: make it with hwgen bitstream$"):
        flash(BOARD, tmp_path / "none.bit")
