"""``hwgen run`` on a simulated board that looks like a serial port of this machine."""

import json
import shutil
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import hwgen
from hwgen.board import TOP_NAME, board_top, board_verilog, interface_of, load_board
from hwgen.emit.rtl.top import build_top
from hwgen.errors import HwgenError, ToolError
from hwgen.graph import build_graph
from hwgen.host import link as link_module
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec
from hwgen.tools import run
from hwgen.verify.model import build_cocotb_model
from hwgen.verify.testbench import simulator_env
from support.board_bench import CLOCK_NS, STYLE, TIMING

EXAMPLE = Path(__file__).parents[2] / "examples/digits"


@contextmanager
def plugged_in(model, folder):
    """Run the simulated board; give the path of its serial port."""
    folder.mkdir()
    port = folder / "tty"
    board = load_board("ulx3s_85f")
    bench = {
        "clock_ns": CLOCK_NS,
        "bit_ns": CLOCK_NS * TIMING.divisor,
        "button_rests": int(board.reset.active == "low"),
        "link": str(port),
    }
    (folder / "bench.json").write_text(json.dumps(bench))
    env = {
        **simulator_env(TOP_NAME, "sim.benches.board_terminal", folder),
        "HWGEN_BENCH": str(folder / "bench.json"),
    }
    options = {"cwd": folder, "log": folder / "log", "env": env, "timeout": 240}
    thread = threading.Thread(target=run, args=([model],), kwargs=options)
    thread.start()
    try:
        while not port.is_symlink() and thread.is_alive():
            time.sleep(0.02)
        yield port
    finally:
        port.unlink(missing_ok=True)
        thread.join()


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The MLP's spec, its build, and the simulation of its board."""
    folder = tmp_path_factory.mktemp("digits")
    for name in ("mlp.yaml", "mlp.npz", "calib.npz", "test.npz"):
        shutil.copy(EXAMPLE / name, folder)
    spec = folder / "mlp.yaml"
    hwgen.build(spec, folder / "build")
    identity = json.loads((folder / "build/manifest.json").read_text())["identity"]
    loaded = load_spec(spec)
    qgraph = quantize(build_graph(loaded), loaded)
    plan = make_plan(qgraph, loaded.accelerator)
    board = load_board("ulx3s_85f")
    interface = interface_of(plan, qgraph, identity, (0, 1, 0))
    top = board_top(build_top(plan, qgraph), interface, board, board.clock.mhz, timing=TIMING)
    return spec, folder / "build", build_cocotb_model(STYLE + board_verilog(top), TOP_NAME)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A simulation is slower than a board."""
    monkeypatch.setattr(link_module, "TIMEOUT_S", 60)


@pytest.mark.verilator
def test_scans_through_a_serial_port_give_the_golden_logits(digits, tmp_path):
    spec, build, model = digits
    with plugged_in(model, tmp_path / "board") as port:
        result = hwgen.run(spec, build, port=str(port), vectors=6, seed=3)

    assert (result.vectors, result.retries) == (6, 0)
    assert result.outputs["fc2"].shape == (6, 10)
    assert result.accuracy >= 5 / 6


@pytest.mark.verilator
def test_a_cable_pulled_in_mid_run_is_a_clear_error(digits, tmp_path, monkeypatch):
    spec, build, model = digits
    monkeypatch.setattr(link_module, "TIMEOUT_S", 5)  # no board answers after that
    with plugged_in(model, tmp_path / "board") as port:
        step = link_module.Link.write
        steps = []

        def write(self, *args, **options):
            steps.append(1)
            if len(steps) == 3:
                port.unlink()
            return step(self, *args, **options)

        monkeypatch.setattr(link_module.Link, "write", write)
        with pytest.raises(ToolError) as caught:
            hwgen.run(spec, build, port=str(port), vectors=16)

    assert caught.value.code == "HG841"
    assert caught.value.exit_code == 3


@pytest.mark.verilator
def test_a_board_with_another_build_is_refused(digits, tmp_path):
    spec, _, model = digits
    other = spec.with_name("other.yaml")
    other.write_text(spec.read_text().replace("multipliers: 16", "multipliers: 8"))
    with (
        plugged_in(model, tmp_path / "board") as port,
        pytest.raises(HwgenError, match=r"^HG844: the board carries digits_mlp [0-9a-f]{12}, not"),
    ):
        hwgen.run(other, tmp_path / "other", port=str(port), vectors=1)
