"""Tables that have a file of their own, because no compiler reads so much text in good time."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from hwgen import golden
from hwgen.emit.hls import constants, emit
from hwgen.emit.hls.constants import Table
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.resources import data_dir
from support.graphs import make_spec
from support.graphs_all_ops import all_ops_graph
from support.hls import compile_cpp, hls_outputs, vendor_headers

KINDS = ["ap_int<3>", "ap_int<8>", "ap_uint<8>", "ap_int<9>", "ap_uint<16>", "ap_int<33>"]


def design(schedule):
    graph = all_ops_graph()
    spec = make_spec(graph, multipliers=12, schedule=schedule)
    qgraph = quantize(graph, spec)
    return make_plan(qgraph, spec.accelerator), qgraph


def values_of(code, rows=40, columns=7):
    bits, signed = int(re.search(r"\d+", code)[0]), "uint" not in code
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    return np.random.default_rng(bits).integers(low, high, (rows, columns))


@pytest.mark.hls
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_a_table_in_a_file_is_the_table(tmp_path, monkeypatch, schedule):
    monkeypatch.setattr(constants, "_MOST_WRITTEN", 50)
    made, qgraph = design(schedule)
    inputs = golden.random_inputs(qgraph, 2, 5)
    outputs = hls_outputs(made, qgraph, inputs, tmp_path)
    expected = golden.run(qgraph, inputs)

    assert any(tmp_path.glob("*weight.rom"))
    assert all(np.array_equal(outputs[name], expected[name]) for name in qgraph.outputs)


def test_files_of_another_build_are_removed(tmp_path):
    (tmp_path / "old_weight.rom").write_bytes(b"\0")
    emit(*design("sequential"), tmp_path)

    assert not list(tmp_path.glob("*.rom"))


@pytest.mark.hls
@pytest.mark.parametrize("code", KINDS)
def test_the_compiler_sees_every_element(tmp_path, code):
    values = values_of(code)
    (tmp_path / "table.rom").write_bytes(Table(code, "table", values).data)
    source = tmp_path / "main.cpp"
    source.write_text(
        f"""#include <cstdio>
#include "hwgen/rom.hpp"
HWGEN_ROM_FILE({code}, table, {values.shape[0]}, {values.shape[1]})
int main() {{
  for (const auto& row : table)
    for (const auto& item : row) std::printf("%lld\\n", static_cast<long long>(item));
}}
"""
    )
    program = compile_cpp([source], tmp_path / "main")
    done = subprocess.run([program], capture_output=True, text=True, check=True)

    assert [int(line) for line in done.stdout.split()] == values.ravel().tolist()


@pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed")
@pytest.mark.parametrize("code", KINDS)
def test_the_vendor_s_script_writes_the_same_numbers(tmp_path, code):
    table = Table(code, "table", values_of(code))
    (tmp_path / "table.rom").write_bytes(table.data)
    script = (data_dir("hls") / "scripts" / "project.tcl").read_text()
    loop = script[script.index("foreach rom") : script.index("set flags")]
    roms = f"set roms {{ {{table {table.rows} {table.columns} {table.format}}} }}\n"
    subprocess.run(["tclsh"], input=roms + loop, cwd=tmp_path, text=True, check=True)
    text = (tmp_path / "table.inc").read_text()

    assert [int(n) for n in re.findall(r"-?\d+", text)] == table.values.ravel().tolist()
    assert text.count("{") == 1 + table.rows


@pytest.mark.hls
@pytest.mark.skipif(vendor_headers() is None, reason="hls4ml is not installed")
def test_the_vendor_s_types_take_the_initialiser(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "_MOST_WRITTEN", 50)
    emit(*design("sequential"), tmp_path)
    script = (tmp_path / "project.tcl").read_text()
    loop = script[script.index("foreach rom") : script.index("set flags")]
    parameters = (tmp_path / "parameters.tcl").read_text()
    subprocess.run(["tclsh"], input=parameters + loop, cwd=tmp_path, text=True, check=True)

    compile_cpp(
        [tmp_path / "top.cpp"], tmp_path / "top.o", "vendor", [tmp_path / "include"], ["-c"]
    )
