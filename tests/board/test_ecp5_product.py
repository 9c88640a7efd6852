# amaranth: UnusedElaboratable=no
"""The held product in carry chains of ECP5 is that of the template, of as few cells as stated."""

import json

import pytest
from amaranth.back import rtlil

from hwgen.board.families.ecp5_carry import trim_carries
from hwgen.emit.rtl.yosys import verilog_of
from rtl_templates.family.ecp5_product import Ecp5HeldProduct
from rtl_templates.mac_array.held_product import HeldProduct
from support.netlists import CELLS, holds, yosys

TABLES = {
    "gates": ("16'0111100010001000", "16'0111100010000000"),
    "carry": ("16'0000000000001000", "16'0000000000000000"),
}


@pytest.mark.parametrize("bug", ["", *TABLES])
def test_chains_multiply_like_the_template(bug, tmp_path):
    """Any operands, in any state; a wrong table is found."""
    (tmp_path / "gold.il").write_text(rtlil.convert(HeldProduct(), name="top"))
    gate = rtlil.convert(Ecp5HeldProduct(), name="top")
    if bug:
        old, new = TABLES[bug]
        assert old in gate
        gate = gate.replace(old, new, 1)
    (tmp_path / "gate.il").write_text(gate)
    for name, model in (("gold", ()), ("gate", (f"read_verilog -DNO_INCLUDES {CELLS}",))):
        yosys(
            tmp_path,
            *(f"read_rtlil {name}.il", *model, "hierarchy -top top", "proc", "flatten"),
            *("opt -full", f"rename top {name}", f"write_rtlil {name}.il"),
        )
    proof = (
        *("read_rtlil gold.il", "read_rtlil gate.il"),
        *("miter -equiv -flatten gold gate miter", "hierarchy -top miter"),
        *("opt -full", "sat -verify -tempinduct -set-init-zero -prove trigger 0 miter"),
    )
    assert holds(tmp_path, *proof) == (not bug)


def test_a_product_takes_as_many_tables_as_its_chains_have_halves(tmp_path):
    """30 LUT sites with the adder of a sum of 11 bits: eight, six and twelve halves, four gates."""
    (tmp_path / "top.v").write_text(verilog_of(rtlil.convert(Ecp5HeldProduct(), name="top")))
    yosys(tmp_path, "read_verilog top.v", "synth_ecp5 -top top -json top.json")
    netlist = json.loads((tmp_path / "top.json").read_text())
    kinds = [cell["type"] for cell in netlist["modules"]["top"]["cells"].values()]
    assert kinds.count("CCU2C") == 4 + 3
    assert kinds.count("LUT4") <= 4 + 1  # the sign, and the carry of the sum
    assert trim_carries(netlist) == 2 + 2  # both ends of both chains
