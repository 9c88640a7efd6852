"""Both testbenches on a hand-written design: they agree, and they see what is wrong with it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hwgen.tools import ToolFailedError
from hwgen.verify.design import Design, StreamPort
from hwgen.verify.model import build_cocotb_model, build_native_model
from hwgen.verify.native import run_native
from hwgen.verify.run import Request
from hwgen.verify.scenario import Scenario, standard_scenarios
from hwgen.verify.testbench import run_cocotb

pytestmark = pytest.mark.verilator

VERILOG = (Path(__file__).parent / "designs" / "standin.v").read_text()
DESIGN = Design(
    name="standin",
    inputs=(StreamPort("x", 8, 2, 4, signed=False),),
    outputs=(StreamPort("y", 8, 2, 4, signed=True),),
    traces=(),
    registers=((0, "ID"), (5, "TENSORS")),
)
LATENCY = 6
STALLED = Scenario("stalls", 3, "random", "random", seed=1)
LATE = Scenario("late", 2, "free", "late")


def tensors(count):
    return np.random.default_rng(0).integers(0, 16, (count, 8))


def results(codes):
    """Return what the stand-in computes, as signed 4 bit codes."""
    wrapped = ((codes + 1) % 16) ^ 5
    return np.where(wrapped > 7, wrapped - 16, wrapped)


def requests(scenarios):
    codes = tensors(max(scenario.tensors for scenario in scenarios))
    return [Request(DESIGN, item, {"x": codes[: item.tensors]}, 2000) for item in scenarios]


def observe(verilog, scenario, folder):
    model = build_native_model(verilog, "standin", DESIGN.ports_def(trace=False))
    return run_native(model, *requests([scenario]), folder)


def mutant(old, new):
    """Return the design with a fault; ``tick`` is 1 in every other cycle."""
    assert old in VERILOG
    tick = "  reg tick = 0; always @(posedge clk) tick <= !tick;\nendmodule"
    return VERILOG.replace(old, new).replace("endmodule", tick)


def test_both_testbenches_see_the_same_transfers_in_the_same_cycles(tmp_path):
    asked = requests(standard_scenarios(5, LATENCY, seed=3))
    native = build_native_model(VERILOG, "standin", DESIGN.ports_def(trace=False))
    expected = {"y": results(tensors(5))}

    seen = run_cocotb(build_cocotb_model(VERILOG, "standin"), asked, expected, tmp_path / "cocotb")

    assert [request.scenario.name for request in asked] == [
        "free", "stalls", "back_to_back", "reset",
    ]  # fmt: skip
    for request, cocotb in zip(asked, seen, strict=True):
        compiled = run_native(native, request, tmp_path)
        wanted = results(request.inputs["x"]).ravel().tolist()
        assert cocotb.status == compiled.status == "done"
        assert cocotb.sinks["y"].codes.tolist() == compiled.sinks["y"].codes.tolist() == wanted
        assert cocotb.sinks["y"].cycles.tolist() == compiled.sinks["y"].cycles.tolist()
        assert cocotb.sinks["y"].last.tolist() == compiled.sinks["y"].last.tolist()
        assert cocotb.sources["x"].tolist() == compiled.sources["x"].tolist()
        assert cocotb.counters == compiled.counters == {"ID": 0, "TENSORS": 5}


def test_a_free_run_has_the_cycles_that_the_design_needs(tmp_path):
    observation = observe(VERILOG, Scenario("free", 4), tmp_path)

    assert observation.start == 0
    assert observation.finished(DESIGN).tolist() == [6, 10, 14, 18]  # two registers, four beats


def test_stalls_come_from_both_sides_and_from_the_seed(tmp_path):
    runs = [
        observe(VERILOG, Scenario("stalls", 3, "random", "random", seed), tmp_path)
        for seed in (1, 1, 2)
    ]
    cycles = [run.sinks["y"].cycles.tolist() for run in runs]

    assert cycles[0] == cycles[1] != cycles[2]
    assert cycles[0][-1] > 14
    assert runs[0].sources["x"].tolist() != list(range(12))


def test_a_withdrawn_valid_is_seen(tmp_path):
    broken = mutant("assign m_axis_y_tvalid = vy;", "assign m_axis_y_tvalid = vy & tick;")

    assert observe(broken, LATE, tmp_path).status == "valid_withdrawn"


def test_a_changed_beat_is_seen(tmp_path):
    broken = mutant("assign m_axis_y_tdata = y;", "assign m_axis_y_tdata = y ^ {8{tick}};")

    assert observe(broken, LATE, tmp_path).status == "beat_changed"


def test_a_changed_last_is_seen(tmp_path):
    broken = mutant("assign m_axis_y_tlast = ly;", "assign m_axis_y_tlast = ly ^ tick;")

    assert observe(broken, LATE, tmp_path).status == "beat_changed"


def test_a_valid_that_waits_for_ready_is_seen(tmp_path):
    broken = mutant(
        "assign m_axis_y_tvalid = vy;", "assign m_axis_y_tvalid = vy & m_axis_y_tready;"
    )

    assert observe(broken, Scenario("free", 2), tmp_path).status == "done"
    late = observe(broken, LATE, tmp_path)
    assert (late.status, late.culprit) == ("deadline", "y")
    assert late.cycle > 2000


def test_a_surplus_beat_is_seen(tmp_path):
    broken = mutant("if (adv_y) begin vy <= va;", "if (adv_y) begin vy <= va | (vy & ly);")

    assert observe(broken, Scenario("free", 1), tmp_path).status == "surplus"


def test_ignored_back_pressure_is_seen_only_by_a_stalling_sink(tmp_path):
    broken = mutant("wire adv_y = !vy || m_axis_y_tready;", "wire adv_y = 1;")

    assert observe(broken, Scenario("free", 3), tmp_path).status == "done"
    assert observe(broken, LATE, tmp_path).status != "done"


def test_a_register_that_reset_forgets_is_seen(tmp_path):
    broken = mutant("if (rst) begin va <= 0; vy <= 0; end", "if (rst) begin vy <= 0; end")
    struck = Scenario("reset", 2, reset_at=3)
    wanted = results(tensors(2)).ravel().tolist()

    assert observe(VERILOG, struck, tmp_path).sinks["y"].codes.tolist() == wanted
    assert observe(broken, struck, tmp_path).sinks["y"].codes.tolist() != wanted


@pytest.mark.parametrize(
    ("old", "new", "scenario", "status"),
    [
        ("tvalid = vy;", "tvalid = vy & tick;", LATE, "valid_withdrawn"),
        ("tdata = y;", "tdata = y ^ {8{tick}};", LATE, "beat_changed"),
        ("tvalid = vy;", "tvalid = vy & m_axis_y_tready;", LATE, "deadline"),
        ("vy <= va;", "vy <= va | (vy & ly);", Scenario("free", 1), "surplus"),
    ],
    ids=["withdrawn", "changed", "waits", "surplus"],
)
def test_cocotb_sees_the_same_faults(tmp_path, old, new, scenario, status):
    model = build_cocotb_model(mutant(old, new), "standin")

    (seen,) = run_cocotb(model, requests([scenario]), {"y": results(tensors(3))}, tmp_path)

    assert seen.status == status
    assert "FAIL=1" in (tmp_path / "cocotb.log").read_text()


def test_the_bench_itself_compares_with_the_golden_model(tmp_path):
    wrong = results(tensors(2))
    wrong[1, 3] ^= 1

    (seen,) = run_cocotb(
        build_cocotb_model(VERILOG, "standin"),
        requests([Scenario("free", 2)]),
        {"y": wrong},
        tmp_path,
    )

    assert seen.status == "done"
    log = (tmp_path / "cocotb.log").read_text()
    assert "y beat 5: " in log
    assert "FAIL=1" in log


def test_a_warning_of_verilator_is_an_error():
    broken = mutant(
        "output reg [31:0] reg_rdata);", "output reg [31:0] reg_rdata); wire w = s_axis_x_tdata;"
    )

    with pytest.raises(ToolFailedError, match="WIDTHTRUNC"):
        build_native_model(broken, "standin", DESIGN.ports_def(trace=False))


def test_two_processes_build_a_model_once(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from hwgen.verify.model import build_native_model\n"
        f"text = Path({str(Path(__file__).parent / 'designs' / 'standin.v')!r}).read_text()\n"
        "ports = 'HWGEN_INPUT(x)\\nHWGEN_OUTPUT(y)\\n'\n"
        "print(build_native_model(text, 'standin', ports, optimise=0))\n"
    )
    env = {**os.environ, "HWGEN_CACHE": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    paths = [process.communicate(timeout=300)[0].strip() for process in both]

    assert paths[0] == paths[1]
    assert Path(paths[0]).is_file()
    assert len([item for item in (tmp_path / "models").iterdir() if item.is_dir()]) == 1
