"""The transformer examples: golden = HLS C++ = RTL, and predicted = simulated cycles."""

from pathlib import Path

import numpy as np
import pytest

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.quant.sqnr import sqnr
from hwgen.spec import load_spec
from hwgen.verify.rtl import simulate_rtl
from support.hls import hls_outputs

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "transformer"
NAMES = ("causal", "streaming", "external", "kv4", "prefill")
# Of a window more than its cache holds.
TENSORS = {"causal": 2, "streaming": 40, "external": 12, "kv4": 40, "prefill": 9}


@pytest.fixture(scope="module")
def compiled():
    """Graph and qgraph by name, quantised once."""
    found = {}
    for name in NAMES:
        spec = load_spec(EXAMPLES / f"{name}.yaml")
        graph = build_graph(spec)
        found[name] = spec, graph, quantize(graph, spec)
    return found


@pytest.mark.hls
@pytest.mark.parametrize("name", NAMES)
def test_the_cpp_equals_the_golden_model(tmp_path, compiled, name):
    spec, _, qgraph = compiled[name]
    inputs = golden.random_inputs(qgraph, TENSORS[name], seed=3)
    lengths = golden.mixed_lengths(qgraph, TENSORS[name])

    got = hls_outputs(make_plan(qgraph, spec.accelerator), qgraph, inputs, tmp_path, lengths)

    expected = golden.run(qgraph, inputs, lengths=lengths)
    assert np.array_equal(got["logits"], expected["logits"])


@pytest.mark.verilator
@pytest.mark.parametrize(
    "name",
    [
        "streaming",
        *(pytest.param(n, marks=pytest.mark.nightly) for n in NAMES if n != "streaming"),
    ],
)
def test_the_rtl_equals_the_golden_model(tmp_path, compiled, name):
    spec, _, qgraph = compiled[name]
    inputs = golden.random_inputs(qgraph, TENSORS[name], seed=3)
    plan = make_plan(qgraph, spec.accelerator)
    lengths = golden.mixed_lengths(qgraph, TENSORS[name])

    # Raises if a value differs, or if a tensor leaves in another cycle than predicted.
    result = simulate_rtl(
        plan, qgraph, inputs, tmp_path, runner="native", optimise=0, lengths=lengths
    )

    expected = golden.run(qgraph, inputs, lengths=lengths)
    assert np.array_equal(result.outputs["logits"], expected["logits"])
    if plan.memory is None and not lengths:
        assert result.latency == plan.prediction.latency
        assert result.interval == plan.prediction.interval


@pytest.mark.parametrize(("name", "least"), [("causal", 7.0), ("streaming", 20.0)])
def test_integers_stay_near_the_real_model(compiled, name, least):
    _, graph, qgraph = compiled[name]
    rng = np.random.default_rng(8)
    inputs = {
        item.name: rng.integers(0, 64, size=(32, *item.shape)).astype(np.float64)
        for item in graph.inputs
    }

    assert sqnr(graph, qgraph, inputs)["logits"] > least


def test_the_state_of_streaming_does_not_grow(compiled):
    """A tensor's result depends on the tokens in the cache, not on how many were before."""
    _, _, qgraph = compiled["streaming"]
    kept = golden.random_inputs(qgraph, 40, seed=3)["id"]
    other = kept.copy()
    other[4:24] = np.random.default_rng(9).integers(0, 64, size=(20, 1))

    one, two = (golden.run(qgraph, {"id": ids})["logits"] for ids in (kept, other))

    # One block: a key depends on its own token alone.  Sinks 0 to 3, window of 12.
    assert np.array_equal(one[:4], two[:4])
    assert not np.array_equal(one[4:24], two[4:24])
    assert np.array_equal(one[24 + 11 :], two[24 + 11 :])
