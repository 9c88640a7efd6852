"""Vectors per second of the two RTL testbenches on the digits accelerators, measured here.

Prints a Markdown table.  Times are processor seconds of one core, so that other work on the
machine does not count.  A run includes starting the simulation, the golden model and the
comparison; compilation is what the first run needs more than the second one, which finds the
model in the cache; in the first row of a testbench it has Verilator's run-time library, too.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from variants import EXAMPLES, variant

from hwgen import golden
from hwgen.emit.rtl import emit_verilog
from hwgen.flow.front import Front
from hwgen.spec import load_spec
from hwgen.verify.rtl import simulate_rtl

DESIGNS = (
    ("mlp", "dataflow", 16),
    ("cnn", "sequential", 16),
    ("cnn", "dataflow", 64),
)
# Testbench, level of the C++ compiler, vectors.
RUNS = (("cocotb", 1, 100), ("native", 1, 599), ("native", 2, 599))


def seconds(action: Callable[[], object]) -> float:
    """Return the processor time of an action and of the programs that it starts."""
    began = _processor_time()
    action()
    return _processor_time() - began


def _processor_time() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def measure(example: str, schedule: str, multipliers: int, folder: Path) -> None:
    """Print the rows of one design."""
    spec = load_spec(variant(example, folder, schedule, multipliers))
    front = Front(spec)
    plan, qgraph = front.plan, front.qgraph
    verilog = {trace: emit_verilog(plan, qgraph, trace=trace) for trace in (False, True)}
    with np.load(EXAMPLES / "test.npz") as file:
        images = file["image"]
    for runner, optimise, count in RUNS:
        inputs = golden.encode_inputs(qgraph, {"image": images[:count]})
        simulate = partial(
            simulate_rtl,
            plan,
            qgraph,
            inputs,
            folder / "sim",
            runner=runner,
            emit=verilog.__getitem__,
            optimise=optimise,
        )
        first, run = seconds(simulate), seconds(simulate)
        cycles = plan.prediction.latency + (count - 1) * plan.prediction.interval
        print(
            f"| {example}, {schedule}, {multipliers} | {runner} | -O{optimise} "
            f"| {first - run:.1f} s | {count / run:,.0f} | {cycles / run:,.0f} |"
        )


def main() -> int:
    """Print the table; return the exit code."""
    print(
        "| design, schedule, multipliers | testbench | C++ | compilation | vectors/s | cycles/s |"
    )
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="hwgen-sim-speed-") as name:
        os.environ["HWGEN_CACHE"] = str(Path(name) / "cache")
        for design in DESIGNS:
            measure(*design, Path(name) / "specs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
