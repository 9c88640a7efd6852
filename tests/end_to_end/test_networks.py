"""The networks of MLPerf Tiny: their published sizes, and RTL and HLS C++ against golden."""

from dataclasses import replace
from pathlib import Path

import pytest

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec
from hwgen.spec.model import Budget
from hwgen.verify.rtl import simulate_rtl
from support.hls import hls_outputs

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "mlperf_tiny"
SCHEDULES = ("sequential", "dataflow")

# Parameters of the Keras models of the benchmark, with the four of a batch normalisation per
# channel that are folded here; of FINN's network its weights and a bias for each output.
PARAMETERS = {
    "resnet8": 78_666,
    "ds_cnn": 24_908,
    "mobilenet": 221_794,
    "autoencoder": 269_992,
    "autoencoder_w12a6": 269_992,
    "kws_mlp": 490 * 256 + 2 * 256 * 256 + 256 * 12 + 3 * 256 + 12,
}
# Layers without a batch normalisation behind them.
PLAIN = {
    "resnet8": {"short2", "short3", "scores"},
    "ds_cnn": {"scores"},
    "mobilenet": {"scores"},
    "autoencoder": {"result"},
    "autoencoder_w12a6": {"result"},
    "kws_mlp": {"fc1", "fc2", "fc3", "scores"},
}


def compiled(name, schedule, multipliers=None):
    """Return the qgraph of an example and its plan; as many multipliers as its spec has."""
    spec = load_spec(FOLDER / f"{name}.yaml")
    qgraph = quantize(build_graph(spec), spec)
    choice = replace(spec.accelerator, schedule=schedule)
    if schedule != spec.accelerator.schedule:
        choice = replace(choice, folding={})
    if multipliers is not None:
        choice = replace(choice, budget=Budget(multipliers, None))
    return qgraph, make_plan(qgraph, choice)


@pytest.mark.parametrize("name", PARAMETERS)
def test_sizes_are_the_published_ones(name):
    graph = build_graph(load_spec(FOLDER / f"{name}.yaml"))
    count = sum(array.size for array in graph.weights.values())
    for array_name, array in graph.weights.items():
        layer, kind = array_name.split(".")
        if kind == "bias" and layer not in PLAIN[name]:
            count += 4 * array.size
    assert count == PARAMETERS[name]


@pytest.mark.nightly
@pytest.mark.verilator
def test_an_autoencoder_in_rtl(tmp_path):
    qgraph, plan = compiled("autoencoder_w12a6", "sequential", 16)
    inputs = golden.random_inputs(qgraph, 4, 1)

    # Raises if a value differs from the golden model.
    result = simulate_rtl(plan, qgraph, inputs, tmp_path, runner="native")

    assert result.outputs["result"].std() > 1  # not all saturated, not all zero
    assert (result.latency, result.interval) == (
        plan.prediction.latency,
        plan.prediction.interval,
    )


@pytest.mark.nightly
@pytest.mark.verilator
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", PARAMETERS)
def test_every_network_in_rtl(tmp_path, name, schedule):
    qgraph, plan = compiled(name, schedule)

    result = simulate_rtl(
        plan, qgraph, golden.random_inputs(qgraph, 3, 1), tmp_path, runner="native"
    )

    assert (result.latency, result.interval) == (
        plan.prediction.latency,
        plan.prediction.interval,
    )


@pytest.mark.nightly
@pytest.mark.hls
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", PARAMETERS)
def test_every_network_in_hls(tmp_path, name, schedule):
    qgraph, plan = compiled(name, schedule)
    inputs = golden.random_inputs(qgraph, 3, 1)

    got = hls_outputs(plan, qgraph, inputs, tmp_path)

    assert golden.first_difference(qgraph, golden.run(qgraph, inputs), got) is None
