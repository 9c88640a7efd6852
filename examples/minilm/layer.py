"""Run one encoder layer in RTL, at its full size, on a sentence; compare it with the golden model.

Every code must be equal and the cycles those predicted; takes some minutes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from convert import HERE, TEST, sentences, write
from package import Missing
from tokens import encode

from hwgen import golden
from hwgen.errors import HwgenError
from hwgen.graph import build_graph
from hwgen.graph.safetensors import SafetensorsFile
from hwgen.plan import make_plan
from hwgen.plan.model import Plan
from hwgen.quant import quantize
from hwgen.quant.model import QGraph
from hwgen.spec import load_spec
from hwgen.verify.rtl import RtlResult, simulate_rtl

__all__ = ["SPEC", "activation", "compiled", "simulate"]

SPEC = HERE / "minilm_layer.yaml"


def compiled() -> tuple[QGraph, Plan]:
    """Return the layer's integer graph and plan; its files are made if they are not there."""
    if not (HERE / "minilm_layer.safetensors").exists():
        list(write())
    spec = load_spec(SPEC)
    qgraph = quantize(build_graph(spec), spec)
    return qgraph, make_plan(qgraph, spec.accelerator)


def activation(qgraph: QGraph, sentence: str) -> dict[str, npt.NDArray[np.int64]]:
    """Return the codes of the layer's inputs for a sentence."""
    tokens = qgraph.tensor("x").shape[0]
    ids, counts = encode([sentence], tokens)
    file = SafetensorsFile(HERE / "minilm.safetensors")
    rows = file.load("words.weight")[ids] + file.load("words.position")[:tokens]
    return golden.encode_inputs(qgraph, {"x": rows, "count": counts[:, None].astype(np.float64)})


def simulate(qgraph: QGraph, plan: Plan, sentence: str, folder: Path) -> RtlResult:
    """Return the simulation of one sentence, equal to the golden model.

    Raises
    ------
    HwgenError
        If a code or the number of cycles differs, or a tool is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inputs = activation(qgraph, sentence)
    return simulate_rtl(plan, qgraph, inputs, folder, runner="native", optimise=2, progress=print)


def main() -> int:
    """Simulate and say what was counted; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sentence", nargs="?", default=sentences(TEST)[-3])
    parser.add_argument("--folder", type=Path, default=Path("build") / "minilm_layer")
    choice = parser.parse_args()
    try:
        qgraph, plan = compiled()
        result = simulate(qgraph, plan, choice.sentence, choice.folder)
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except HwgenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    elements = qgraph.tensor(qgraph.outputs[0]).elements
    print(f"{elements:,} results equal to the golden model's")
    print(f"{result.latency:,} cycles, as predicted")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
