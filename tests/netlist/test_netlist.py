"""What Yosys makes of a top for ECP5 computes what the golden model says, in as many cycles."""

import re
from pathlib import Path

import pyosys
import pytest
from pyosys import libyosys

from hwgen.emit.rtl import emit_verilog
from hwgen.golden import random_inputs
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.verify.rtl import verify_rtl
from support.graphs import make_graph, make_spec

LAYERS = [
    {"name": "conv", "op": "conv2d", "in": "image", "channels": 2, "kernel": 3, "padding": "same"},
    {"name": "pool", "op": "max_pool2d", "in": "conv", "kernel": 2},
    {"name": "both", "op": "concat", "in": ["pool", "pool"]},
    {"name": "fc", "op": "linear", "in": "both", "features": 3},
    {"name": "best", "op": "argmax", "in": "fc"},
]

POINTS = [
    {"name": "rows", "op": "embedding", "in": "ids", "vocabulary": 5, "features": 4,
     "positions": True},
    {"name": "gate", "op": "silu", "in": "rows"},
    {"name": "both", "op": "mul", "in": ["rows", "gate"]},
]  # fmt: skip

NETS = {"image": ({"image": (1, 4, 4)}, LAYERS), "points": ({"ids": (3,)}, POINTS)}

CELLS = Path(pyosys.__file__).parent / "share" / "lattice"

# What the vendor-neutral cell models of Yosys are warned of.
CELL_WARNINGS = (
    "UNUSEDPARAM",
    "INITIALDLY",
    "UNOPTFLAT",
    "PINMISSING",
    "PINCONNECTEMPTY",
    "TIMESCALEMOD",
    "UNDRIVEN",
    "SPECIFYIGN",
    "WIDTHTRUNC",
    "GENUNNAMED",
    "VARHIDDEN",
    "SYNCASYNCNET",
)


def netlist(plan, qgraph, trace, folder):
    """Return LUTs, carry cells, distributed RAM and flip-flops, with their simulation models.

    The multiplier and the block RAM have no open simulation model: both stay logic here.
    """
    source, target = folder / "top.v", folder / "netlist.v"
    source.write_text(emit_verilog(plan, qgraph, trace=trace))
    design = libyosys.Design()
    for command in (
        f"read_verilog {source}",
        f"synth_ecp5 -nodsp -nobram -top {plan.name}",
        f"write_verilog -noattr {target}",
    ):
        design.run_pass(f"tee -q {command}")
    off = "".join(f"/* verilator lint_off {rule} */\n" for rule in CELL_WARNINGS)
    return off + target.read_text() + _models("cells_sim_ecp5.v")


def _models(name, seen=None):
    """Return a file of cell models with its includes in place, each once."""
    seen = set() if seen is None else seen
    if name in seen:
        return ""
    seen.add(name)
    text = (CELLS / name).read_text()
    return re.sub(r'`include "(.*)"', lambda match: _models(match[1], seen), text)


@pytest.mark.nightly
@pytest.mark.verilator
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
@pytest.mark.parametrize("net", NETS)
def test_netlist_equals_golden_model(net, schedule, tmp_path):
    graph = make_graph(*NETS[net])
    spec = make_spec(graph, multipliers=3, schedule=schedule)
    qgraph = quantize(graph, spec)
    plan = make_plan(qgraph, spec.accelerator)

    result = verify_rtl(
        plan,
        qgraph,
        random_inputs(qgraph, 4, seed=5),
        tmp_path / "run",
        runner="native",
        emit=lambda trace: netlist(plan, qgraph, trace, tmp_path),
    )

    assert result.latency == plan.prediction.latency
