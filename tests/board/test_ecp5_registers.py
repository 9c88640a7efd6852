"""Registers that move into MULT18X18D mean what they meant; those that must not move stay."""

import json
from collections import Counter
from copy import deepcopy

import pytest

from hwgen.board.families.ecp5_registers import absorb_registers
from support.netlists import CELLS, MULTIPLIER, holds, yosys

# p and q share an operand with a reset.  Of r one operand has an enable, the other one no register.
# Of s an operand is an output as well, and so is the product.
TEXT = """module top(
    input clk, rst, en,
    input signed [2:0] a, b, c, d,
    output reg signed [5:0] p, q, r, s, output signed [2:0] seen, output signed [5:0] early
  );
  reg signed [2:0] ra = 0, rb = 0, rc = 0, rd = 0, re = 0;
  initial begin p = 0; q = 0; r = 0; s = 0; end
  (* keep *) wire signed [5:0] product = rd * re;
  always @(posedge clk) begin
    ra <= rst ? 0 : a;
    rb <= rst ? 0 : b;
    rc <= c;
    rd <= d;
    if (en) re <= c;
    p <= ra * rb;
    q <= rc * rb;
    r <= {en, rst, en} * re;
    s <= product;
  end
  assign seen = rd;
  assign early = product;
endmodule
"""


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return the netlist of the products, each of them in a multiplier."""
    folder = tmp_path_factory.mktemp("products")
    (folder / "top.v").write_text(TEXT)
    yosys(folder, "read_verilog top.v", "synth_ecp5 -top top -json top.json")
    netlist = json.loads((folder / "top.json").read_text())
    assert kinds(netlist)["MULT18X18D"] == 4
    return netlist


def kinds(netlist):
    return Counter(cell["type"] for cell in netlist["modules"]["top"]["cells"].values())


def equal(folder, before, after):
    """Return whether two netlists are proved equal from their first state on."""
    for name, netlist in (("gold", before), ("gate", after)):
        only = {**netlist, "modules": {"top": netlist["modules"]["top"]}}
        (folder / f"{name}.json").write_text(json.dumps(only))
        yosys(
            folder,
            *(f"read_json {name}.json", f"read_verilog {MULTIPLIER}"),
            f"read_verilog -DNO_INCLUDES {CELLS}",
            *("hierarchy -top top", "proc", "flatten", "opt -full", "wreduce", "opt -full"),
            *(f"rename top {name}", f"write_rtlil {name}.il"),
        )
    return holds(
        folder,
        *("read_rtlil gold.il", "read_rtlil gate.il"),
        *("miter -equiv -flatten -make_outputs gold gate miter", "hierarchy -top miter"),
        *("opt -full", "opt_merge"),
        "sat -verify -tempinduct -set-init-zero -prove trigger 0 miter",
    )


def multiplier(netlist, product):
    """Return the cell whose product an output of the text begins with."""
    cells = netlist["modules"]["top"]["cells"].items()
    (found,) = [cell for name, cell in cells if name.startswith(product) and is_multiplier(cell)]
    return found


def is_multiplier(cell):
    return cell["type"] == "MULT18X18D"


def registers(netlist, product):
    """Return the ports of a product's multiplier that have registers."""
    parameters = multiplier(netlist, product)["parameters"]
    return {key.removesuffix("_CLK") for key in parameters if key.endswith("_CLK")}


def test_registers_move_and_nothing_changes(before, tmp_path):
    after = deepcopy(before)
    count = absorb_registers(after)
    assert count == kinds(before)["TRELLIS_FF"] - kinds(after)["TRELLIS_FF"] == 27
    assert equal(tmp_path, before, after)
    assert absorb_registers(after) == 0


def test_only_registers_that_nothing_else_needs_move(before):
    after = deepcopy(before)
    absorb_registers(after)
    everything = {"REG_INPUTA", "REG_INPUTB", "REG_OUTPUT"}
    assert registers(after, "p") == registers(after, "q") == everything
    assert registers(after, "r") == {"REG_OUTPUT"}
    assert registers(after, "early") == set()


@pytest.mark.parametrize(
    "key",
    [
        "REG_INPUTB_RST",
        pytest.param("REG_INPUTA_CLK", marks=pytest.mark.nightly),
        pytest.param("REG_OUTPUT_CLK", marks=pytest.mark.nightly),
    ],
)
def test_a_register_or_reset_that_is_lost_is_found(key, before, tmp_path):
    after = deepcopy(before)
    absorb_registers(after)
    cell = multiplier(after, "q")
    if key.endswith("_CLK"):
        cell["parameters"][key] = "NONE"
    else:
        cell["connections"][cell["parameters"][key]] = ["0"]
    assert not equal(tmp_path, before, after)


@pytest.mark.parametrize(
    ("key", "value"),
    [("REGSET", "SET"), ("SRMODE", "ASYNC"), ("CLKMUX", "INV"), ("CEMUX", "CE")],
)
def test_registers_of_another_kind_stay(key, value, before):
    """Those of operands; the one that p and q share keeps both from taking it."""
    after = deepcopy(before)
    resets = [
        cell
        for cell in after["modules"]["top"]["cells"].values()
        if cell["type"] == "TRELLIS_FF" and cell["connections"].get("LSR", ["0"]) != ["0"]
    ]
    assert len(resets) == 6
    for cell in resets:
        cell["parameters"][key] = value
    absorb_registers(after)
    assert registers(after, "p") == {"REG_OUTPUT"}
    assert len(registers(after, "q")) == 2
