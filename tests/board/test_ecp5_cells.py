# amaranth: UnusedElaboratable=no
"""Carry chains without their ends, and the multiplier with its registers, mean what they meant."""

import json
from copy import deepcopy

import pytest
from amaranth.back import rtlil

from hwgen.board.families.ecp5_carry import trim_carries
from rtl_templates.family.ecp5 import Ecp5Multiplier
from rtl_templates.mac_array.multiplier import Multiplier
from support.netlists import CELLS, MULTIPLIER, holds, yosys


def synthesised(folder, verilog):
    """Return what synth_ecp5 makes of a text."""
    (folder / "top.v").write_text(verilog)
    yosys(folder, "read_verilog top.v", "synth_ecp5 -top top -json top.json")
    return json.loads((folder / "top.json").read_text())


def equal(folder, before, after):
    """Return whether two netlists are proved equal, every unconnected carry-in being free."""
    for name, netlist in (("gold", before), ("gate", after)):
        netlist = deepcopy(netlist)
        for cell in netlist["modules"]["top"]["cells"].values():
            for port in ("COUT", "CIN"):
                if cell["connections"].get(port) == ["x"]:
                    del cell["connections"][port]
        netlist["modules"] = {"top": netlist["modules"]["top"]}
        (folder / f"{name}.json").write_text(json.dumps(netlist))
        yosys(
            folder,
            f"read_json {name}.json",
            f"read_verilog -DNO_INCLUDES {CELLS}",
            "hierarchy -top top",
            "proc",
            "flatten",
            "setundef -undriven -anyseq",
            "opt_clean",
            f"rename top {name}",
            f"write_rtlil {name}.il",
        )
    return holds(
        folder,
        *("read_rtlil gold.il", "read_rtlil gate.il"),
        *("miter -equiv -flatten gold gate miter", "sat -verify -prove trigger 0 miter"),
    )


ADDERS = """module top(
    input [7:0] a, b, d, input c, e, output [8:0] y, z, output [7:0] low, output carry
  );
  wire [9:0] s = {a[7], a, c} + {b[7], b, c};  // a carry-in below the lowest bit
  assign y = s[9:1];
  assign z = a + d;                            // a constant carry-in that counts
  wire [9:0] t = {1'b0, a, e} + {1'b0, d, e};  // a carry-out that is read
  assign {carry, low} = t[9:1];
endmodule
"""


def carries(netlist):
    cells = netlist["modules"]["top"]["cells"].values()
    return [cell["connections"] for cell in cells if cell["type"] == "CCU2C"]


@pytest.fixture(scope="module")
def adders(tmp_path_factory):
    return synthesised(tmp_path_factory.mktemp("adders"), ADDERS)


def test_carries_without_a_meaning_are_left_out_and_nothing_changes(adders, tmp_path):
    after = deepcopy(adders)
    count = trim_carries(after)
    free, ended = (
        [cell for cell in carries(after) if cell[port] == ["x"]] for port in ("CIN", "COUT")
    )
    assert (len(free), len(ended), count) == (2, 3, 5)
    assert trim_carries(after) == 0
    assert equal(tmp_path, adders, after)


def test_a_carry_in_that_counts_is_kept_and_would_be_missed(adders, tmp_path):
    after = deepcopy(adders)
    trim_carries(after)
    (kept,) = [ports for ports in carries(after) if ports["CIN"] in (["0"], ["1"])]
    kept["CIN"] = ["x"]
    assert not equal(tmp_path, adders, after)


def test_a_sum_that_is_read_keeps_its_carry_in(adders):
    """The lowest bit of the adder is the carry-in itself: free only if nobody reads it."""
    after = deepcopy(adders)
    first = next(ports for ports in carries(after) if ports["A0"] == ports["B0"])
    after["modules"]["top"]["ports"]["low"]["bits"][0] = first["S0"][0]
    trim_carries(after)
    assert first["CIN"] != ["x"]


def multiplier_text(kind):
    # Few bits: the solver takes long for wide products, and registers do not depend on them.
    return rtlil.convert(kind(4, 5), name="top")


BUGS = {
    "input": ('REG_INPUTB_CLK "CLK0"', 'REG_INPUTB_CLK "NONE"'),
    "output": ('REG_OUTPUT_CLK "CLK0"', 'REG_OUTPUT_CLK "NONE"'),
}


@pytest.mark.parametrize(
    "bug", ["", *(pytest.param(bug, marks=pytest.mark.nightly) for bug in BUGS)]
)
def test_the_multiplier_with_its_registers_is_the_one_of_the_template(bug, tmp_path):
    """Any operands; a register that is missing is found."""
    (tmp_path / "gold.il").write_text(multiplier_text(Multiplier))
    gate = multiplier_text(Ecp5Multiplier)
    if bug:
        old, new = BUGS[bug]
        assert gate.count(old) == 1
        gate = gate.replace(old, new)
    (tmp_path / "gate.il").write_text(gate)
    for name, model in (("gold", ()), ("gate", (f"read_verilog {MULTIPLIER}",))):
        yosys(
            tmp_path,
            *(f"read_rtlil {name}.il", *model, "hierarchy -top top", "proc", "flatten"),
            *("opt -full", "wreduce", "opt -full", f"rename top {name}", f"write_rtlil {name}.il"),
        )
    proof = (
        *("read_rtlil gold.il", "read_rtlil gate.il"),
        *("miter -equiv -flatten -make_outputs gold gate miter", "hierarchy -top miter"),
        *(
            "opt -full",
            "opt_merge",
            "sat -verify -tempinduct -set-init-zero -prove trigger 0 miter",
        ),
    )
    assert holds(tmp_path, *proof) == (not bug)


def test_operands_wider_than_the_cell_are_refused():
    with pytest.raises(ValueError, match="takes 18 bits, not 11 and 19"):
        Ecp5Multiplier(11, 19)
