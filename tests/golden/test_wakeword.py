"""A wake-word network from its own weights, on synthetic speech: float, golden, decisions."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize, sqnr, stream
from hwgen.spec import load_spec
from hwgen.verify.rtl import simulate_rtl
from support.hls import hls_outputs

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "wakeword"
CUTOFF, WINDOW = 0.9, 5  # of the package, for this word


@pytest.fixture(scope="module")
def network():
    spec = load_spec(FOLDER / "alexa.yaml")
    graph = build_graph(spec)
    with np.load(FOLDER / "alexa_test.npz") as file:
        data = {name: file[name] for name in file}
    inputs = {"features": data["features"].astype(np.float64)}
    return spec, graph, quantize(graph, spec), inputs, data["logits"], data["spoken"]


def heard(logits):
    sys.path.insert(0, str(FOLDER))
    try:
        from detect import heard
    finally:
        sys.path.remove(str(FOLDER))
    return heard(logits, CUTOFF, WINDOW)


def test_the_graph_is_the_streaming_network_of_the_package(network):
    """The logits come from the file's own steps and state variables, without hwgen."""
    _, graph, _, inputs, logits, _ = network
    found = golden.run_real(graph, inputs)["logit"][..., 0]
    assert found.shape == logits.shape == (8, 66)
    np.testing.assert_allclose(found, logits, rtol=1e-4, atol=1e-3)


def test_the_integers_decide_as_the_floating_point_network(network):
    _, graph, qgraph, inputs, logits, spoken = network
    codes = golden.run(qgraph, golden.encode_inputs(qgraph, inputs))["logit"]
    found = golden.decode_tensor(qgraph, "logit", codes)[..., 0]
    assert np.array_equal(heard(found), heard(logits))
    assert np.abs(1 / (1 + np.exp(-found)) - 1 / (1 + np.exp(-logits))).mean() < 0.005
    assert sqnr(graph, qgraph, inputs)["logit"] > 30
    # Not only equal but useful: the word is heard, other words are not.
    assert np.sum(heard(logits) & spoken) >= 3
    assert not np.any(heard(logits) & ~spoken)


def streamed(network):
    """Return the graph of a step, and all utterances one after the other as its inputs."""
    spec, graph, qgraph, inputs, _, _ = network
    codes = golden.encode_inputs(qgraph, inputs)["features"]
    step = stream(qgraph, graph, spec.stream.chunk)
    return step, {"features": codes.reshape(-1, *step.inputs[0].shape)}


def test_steps_of_three_frames_give_the_offline_logits(network):
    """As the package runs it: a logit for each step, at once."""
    spec, _, qgraph, inputs, _, _ = network
    step, _ = streamed(network)
    assert (spec.stream.chunk, step.stream.pace("logit").latency) == (3, 0)
    codes = golden.encode_inputs(qgraph, inputs)["features"]
    offline = golden.run(qgraph, {"features": codes})["logit"]
    for utterance, wanted in zip(codes, offline, strict=True):
        got = golden.run(step, {"features": utterance.reshape(66, 3, 40)})["logit"]
        assert np.array_equal(got[:, 0], wanted)


@pytest.mark.nightly
@pytest.mark.verilator
def test_speech_through_rtl(network, tmp_path):
    step, codes = streamed(network)
    plan = make_plan(step, network[0].accelerator)

    # Raises if a value differs from the golden model.
    result = simulate_rtl(plan, step, codes, tmp_path, runner="native")

    assert (result.latency, result.interval) == (
        plan.prediction.latency,
        plan.prediction.interval,
    )


@pytest.mark.nightly
@pytest.mark.hls
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_speech_through_hls(network, tmp_path, schedule):
    step, codes = streamed(network)
    plan = make_plan(step, replace(network[0].accelerator, schedule=schedule))

    got = hls_outputs(plan, step, codes, tmp_path)

    assert golden.first_difference(step, golden.run(step, codes), got) is None
