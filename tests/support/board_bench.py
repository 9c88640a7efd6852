"""Run ``sim/benches/board.py`` on a board top."""

import json
from xml.etree import ElementTree

import numpy as np

from hwgen.board import TOP_NAME, LinkTiming, board_top, board_verilog, load_board
from hwgen.tools import ToolFailedError, run
from hwgen.verify.model import build_cocotb_model
from hwgen.verify.testbench import simulator_env

CLOCK_NS = 40
TIMING = LinkTiming(divisor=6, quiet=600, stall=300)
# Yosys writes multiplexers as overlapping cases, and tests a vector for zero with "!".
STYLE = "/* verilator lint_off CASEOVERLAP */\n/* verilator lint_off WIDTHTRUNC */\n"


def run_board_bench(accelerator, interface, inputs, outputs, folder, *, seed, only=""):
    """Return the bench's tests: name to None, or to the failure's text.

    The board's own 25 MHz are the clock: the top is the one of a bitstream, without a PLL.
    """
    board = load_board("ulx3s_85f")
    top = board_top(accelerator, interface, board, board.clock.mhz, timing=TIMING)
    model = build_cocotb_model(STYLE + board_verilog(top), TOP_NAME)
    vectors = folder / "vectors.npz"
    arrays = {f"in_{name}": codes for name, codes in inputs.items()}
    arrays |= {f"out_{name}": codes for name, codes in outputs.items()}
    identity = np.frombuffer(interface.to_bytes(), np.uint8)
    np.savez(vectors, identity=identity, **arrays)
    bench = {
        "clock_ns": CLOCK_NS,
        "bit_ns": CLOCK_NS * TIMING.divisor,
        "quiet_ns": CLOCK_NS * TIMING.quiet,
        "button_rests": int(board.reset.active == "low"),
        "seed": seed,
        "vectors": str(vectors),
    }
    (folder / "bench.json").write_text(json.dumps(bench))
    env = {
        **simulator_env(TOP_NAME, "sim.benches.board", folder),
        "HWGEN_BENCH": str(folder / "bench.json"),
        "COCOTB_TEST_FILTER": only,
    }
    try:
        run([model], cwd=folder, log=folder / "cocotb.log", env=env, timeout=300)
    except ToolFailedError:
        if not (folder / "results.xml").is_file():
            raise
    log = (folder / "cocotb.log").read_text()
    cases = ElementTree.parse(folder / "results.xml").iter("testcase")
    return {
        case.get("name"): None if case.find("failure") is None else log
        for case in cases
        if case.find("skipped") is None
    }
