"""How long hwgen takes here: check, build, rebuild, simulation, a large array.

Wall-clock times of this machine, each of a process of its own unless it says otherwise; nothing is
asserted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from variants import EXAMPLES

ARRAY = """\
hwgen: 1
name: array
model:
  inputs: {x: {shape: [1024]}}
  layers:
    - {name: fc, op: linear, in: x, features: 32}
  outputs: [fc]
weights: {random: 1}
quantize: {default: {weights: int4, activations: int4}}
accelerator:
  schedule: dataflow
  budget: {multipliers: 1024}
  folding: {fc: {elements: 32, outputs: 32}}
"""


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def hwgen(*words: object, cache: Path) -> Callable[[], object]:
    """Return a run of the command line that keeps compiled models in ``cache``."""
    argv = [sys.executable, "-P", "-m", "hwgen", *map(str, words)]
    environment = {**os.environ, "HWGEN_CACHE": str(cache)}
    return lambda: subprocess.run(argv, check=True, capture_output=True, env=environment)


def emit_array(folder: Path) -> float:
    """Return how long the Verilog of an array of 32 x 32 multipliers takes, inside a process."""
    from hwgen.emit.rtl import emit_verilog
    from hwgen.flow.front import Front
    from hwgen.spec import load_spec

    spec = folder / "array.yaml"
    spec.write_text(ARRAY)
    front = Front(load_spec(spec))
    plan, qgraph = front.plan, front.qgraph
    assert plan.multipliers == 1024, plan.multipliers
    return seconds(lambda: emit_verilog(plan, qgraph))


def main() -> None:
    """Print the figures."""
    folder = Path(tempfile.mkdtemp(prefix="hwgen-speed-"))
    cache, out = folder / "cache", folder / "build"
    spec = EXAMPLES / "cnn.yaml"
    check = hwgen("check", spec, cache=cache)
    build = hwgen("build", spec, "-o", out, cache=cache)
    sim = hwgen("sim", spec, "-o", out, cache=cache)
    check()  # the files are in memory and compiled to bytecode from here on
    figures = [
        ("hwgen check, digits CNN", seconds(check), "1"),
        ("hwgen build, digits CNN", seconds(build), "5"),
        ("hwgen build, unchanged", seconds(build), "1"),
        ("hwgen sim, 16 images, nothing compiled", seconds(sim), "60"),
        ("hwgen sim, 16 images, model compiled", seconds(sim), "5"),
        ("Verilog of 32 x 32 multipliers", emit_array(folder), "10"),
    ]
    print("| what | seconds | goal |\n|---|---:|---:|")
    for what, found, goal in figures:
        print(f"| {what} | {found:.2f} | {goal} |")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
