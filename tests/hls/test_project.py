"""The emitted project: whole, the same every time, clean, and right with the vendor's types."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from hwgen.emit.hls import emit
from hwgen.golden import random_inputs, run, to_stream
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec.model import Precision
from hwgen.verify.hls import check_hls
from support.graphs import make_graph, make_spec
from support.graphs_all_ops import all_ops_graph
from support.hls import STRICT, TYPES, compile_flags, vendor_headers

SCHEDULES = ("sequential", "dataflow")


@pytest.fixture(scope="module")
def designs():
    """Plan and qgraph by schedule."""
    graph = all_ops_graph()
    made = {}
    for schedule in SCHEDULES:
        spec = make_spec(graph, multipliers=12, schedule=schedule)
        qgraph = quantize(graph, spec)
        made[schedule] = make_plan(qgraph, spec.accelerator), qgraph
    return made


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def write(path, codes):
    path.write_bytes(np.ascontiguousarray(to_stream(codes), "<i8").tobytes())


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_two_runs_write_the_same_bytes(tmp_path, designs, schedule):
    emit(*designs[schedule], tmp_path / "a")
    emit(*designs[schedule], tmp_path / "b" / "deep")
    emit(*designs[schedule], tmp_path / "a")

    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b" / "deep")
    assert {"top.cpp", "top.hpp", "main.cpp", "project.tcl", "parameters.tcl"} <= set(first)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_file_names_this_machine(tmp_path, designs, schedule):
    emit(*designs[schedule], tmp_path)

    for name, data in contents(tmp_path).items():
        text = data.decode()
        assert str(tmp_path) not in text, name
        assert not re.search(r"/(home|root|work|tmp|usr)/", text), name


def test_clock_and_device_are_parameters(tmp_path, designs):
    plan, qgraph = designs["dataflow"]

    emit(plan, qgraph, tmp_path, clock_mhz=250.0, part="xczu3eg-sbva484-1-e")

    lines = (tmp_path / "parameters.tcl").read_text().splitlines()
    assert "set clock_ns 4.000" in lines
    assert "set part xczu3eg-sbva484-1-e" in lines
    assert "set top tiny_top" in lines


@pytest.mark.hls
@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_project_stands_alone_and_equals_golden(tmp_path, designs, schedule, types):
    """Moved elsewhere, compiled with warnings as errors, with the shim and the vendor's types."""
    plan, qgraph = designs[schedule]
    emit(plan, qgraph, tmp_path / "first")
    folder = tmp_path / "second"
    shutil.move(tmp_path / "first", folder)
    inputs = random_inputs(qgraph, 20, seed=9)
    golden = run(qgraph, inputs)
    for name, codes in inputs.items():
        write(folder / f"{name}.bin", codes)
    for name in qgraph.outputs:
        write(folder / f"{name}.golden.bin", golden[name])

    argv = ["g++", *STRICT, "-O1", *compile_flags(types), "-Iinclude", "top.cpp", "main.cpp"]
    done = subprocess.run(
        [*argv, "-o", "csim"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:4000]
    ran = subprocess.run(["./csim"], cwd=folder, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    for name in qgraph.outputs:
        wanted = (folder / f"{name}.golden.bin").read_bytes()
        assert (folder / f"{name}.out.bin").read_bytes() == wanted


@pytest.mark.hls
def test_the_testbench_itself_notices_a_wrong_code(tmp_path, designs):
    plan, qgraph = designs["sequential"]
    emit(plan, qgraph, tmp_path)
    inputs = random_inputs(qgraph, 3, seed=9)
    write(tmp_path / "image.bin", inputs["image"])
    golden = run(qgraph, inputs)["fc"]
    golden[1, 4] += 1
    write(tmp_path / "fc.golden.bin", golden)
    argv = ["g++", *STRICT, "-DHWGEN_USE_SHIM", "-Iinclude", "top.cpp", "main.cpp", "-o", "csim"]
    subprocess.run(argv, cwd=tmp_path, check=True)

    ran = subprocess.run(["./csim"], cwd=tmp_path, capture_output=True, text=True, check=False)

    expected, got = golden[1, 4], golden[1, 4] - 1
    assert ran.returncode == 1
    assert ran.stderr == f"fc: tensor 1, element 4: expected {expected}, got {got}\n"


@pytest.mark.hls
@pytest.mark.parametrize("types", TYPES)
def test_beats_wider_than_the_vendor_s_default_work(tmp_path, types):
    graph = make_graph({"x": (128,)}, [{"name": "y", "op": "linear", "in": "x", "features": 8}])
    spec = make_spec(graph, Precision(4, 12), multipliers=1024, schedule="dataflow")
    qgraph = quantize(graph, spec)
    plan = make_plan(qgraph, spec.accelerator)
    assert plan.input_lanes["x"] * 12 > 1024
    emit(plan, qgraph, tmp_path)

    vendor = vendor_headers() if types == "vendor" else None
    check_hls(tmp_path, qgraph, random_inputs(qgraph, 5, seed=1), vendor=vendor)
