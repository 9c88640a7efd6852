"""Row ops in emitted accelerators: codes and cycles, where one engine runs several of them."""

import pytest

from hwgen import golden
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec.model import Precision
from hwgen.verify.rtl import verify_rtl
from support.graphs import make_graph, make_spec

LAYERS = (
    {"name": "ln", "op": "layer_norm", "in": "x"},
    {"name": "rn", "op": "rms_norm", "in": "x"},
    {"name": "sm", "op": "softmax", "in": "rn"},
    {"name": "sum", "op": "add", "in": ["ln", "sm"]},
    {"name": "y", "op": "layer_norm", "in": "sum", "bias": False},
)


@pytest.mark.verilator
@pytest.mark.parametrize(
    "schedule", ["sequential", pytest.param("dataflow", marks=pytest.mark.nightly)]
)
def test_rows_of_16_bits_in_both_schedules(tmp_path, schedule):
    """16-bit codes with a zero point in the middle; long rows, whose passes overlap."""
    graph = make_graph({"x": (3, 60 * 4)}, LAYERS)
    layers = {"x": Precision(8, 16, symmetric=False), "sum": Precision(8, 16)}
    spec = make_spec(graph, Precision(8, 8), layers, schedule=schedule)
    qgraph = quantize(graph, spec)
    plan = make_plan(qgraph, spec.accelerator)
    assert "row" in {engine.template for engine in plan.engines}
    inputs = golden.random_inputs(qgraph, 3, seed=2)

    result = verify_rtl(plan, qgraph, inputs, tmp_path, runner="native", seed=3, optimise=0)

    assert result.outputs["y"].tolist() == golden.run(qgraph, inputs)["y"].tolist()
    assert result.latency == plan.prediction.latency
