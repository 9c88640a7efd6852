"""The masters of the memory port against an AXI slave that others wrote."""

import json
from xml.etree import ElementTree

import pytest
from amaranth.back import rtlil

from hwgen.emit.rtl.yosys import verilog_of
from hwgen.tools import run
from hwgen.verify.model import build_cocotb_model
from hwgen.verify.testbench import simulator_env
from support.memory_copier import MemoryCopier


@pytest.mark.verilator
def test_an_independent_slave_agrees(tmp_path):
    top = MemoryCopier(address_bits=16, data_bits=64, burst=16, beats=100, depth=40)
    text = verilog_of(rtlil.convert(top, name="copier", ports=top.ports))
    model = build_cocotb_model(text, "copier")
    (tmp_path / "bench.json").write_text(json.dumps({"bytes": 8, "beats": 100, "seed": 1}))
    env = {
        **simulator_env("copier", "sim.benches.memory_port", tmp_path),
        "HWGEN_BENCH": str(tmp_path / "bench.json"),
    }
    run([model], cwd=tmp_path, log=tmp_path / "cocotb.log", env=env, timeout=300)
    cases = list(ElementTree.parse(tmp_path / "results.xml").iter("testcase"))
    assert len(cases) == 2
    for case in cases:
        assert case.find("failure") is None, (tmp_path / "cocotb.log").read_text()
