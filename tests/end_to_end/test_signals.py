"""The networks of examples/signals: their stated sizes, state and latency, and their streams."""

from pathlib import Path

import numpy as np
import pytest

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize, stream
from hwgen.spec import load_spec
from hwgen.verify.rtl import simulate_rtl
from support.hls import hls_outputs

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "signals"


@pytest.mark.parametrize(
    ("name", "count"), [("accelerometer", 960 * 131_040), ("rave_block", 5_640_192)]
)
def test_multiplications(name, count):
    graph = build_graph(load_spec(FOLDER / f"{name}.yaml"))
    shapes = {node.name: node.shape for node in graph.nodes}
    weights = {key.split(".")[0]: a for key, a in graph.weights.items() if key.endswith("weight")}
    # Every weight of a convolution is used once for each token of its result.
    assert sum(array.size * shapes[layer][0] for layer, array in weights.items()) == count


def streamed(name, chunk=None):
    """Return the offline qgraph of an example and the one of its chunks."""
    spec = load_spec(FOLDER / f"{name}.yaml")
    graph = build_graph(spec)
    qgraph = quantize(graph, spec)
    return spec, qgraph, stream(qgraph, graph, chunk or spec.stream.chunk)


def state(qgraph):
    """Return the words that the windows of a streamed graph keep."""
    return sum(
        max(node.lowered.attrs.get("history", 0), 0) * qgraph.tensor(node.inputs[0]).shape[1]
        for node in qgraph.nodes
    )


def test_the_accelerometer_network_keeps_504_words_and_looks_6_samples_ahead():
    """The figures of StreamiNNC's network: two samples of 4 + 8 + ... + 128 channels."""
    _, qgraph, chunks = streamed("accelerometer")
    assert state(chunks) == 2 * (4 + 8 + 16 + 32 + 64 + 128) == 504
    assert chunks.stream.pace("conv6").latency == 6
    assert not any(node.op == "delay" for node in chunks.nodes)
    assert state(qgraph) == 0


@pytest.mark.parametrize(("name", "chunks"), [("accelerometer", (48,)), ("rave_block", (64,))])
def test_any_chunk_gives_the_offline_result_later(name, chunks):
    _, qgraph, _ = streamed(name)
    (item,) = qgraph.inputs
    codes = golden.random_inputs(qgraph, 3, 1)[item.name][2]
    (output,) = qgraph.outputs
    wanted = golden.run(qgraph, {item.name: codes[None]})[output][0]
    for chunk in chunks:
        _, _, step = streamed(name, chunk)
        inputs = {item.name: codes.reshape(-1, chunk, codes.shape[1])}
        got = golden.run(step, inputs)[output].reshape(-1, wanted.shape[1])
        delay = step.stream.pace(output).delay
        assert 0 < delay < len(wanted)
        assert np.array_equal(got[delay:], wanted[: len(wanted) - delay])


@pytest.mark.nightly
@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize("name", ["accelerometer", "rave_block"])
def test_streams_in_rtl_and_hls(tmp_path, name):
    spec, _, step = streamed(name)
    plan = make_plan(step, spec.accelerator)
    inputs = golden.random_inputs(step, spec.verify.vectors, 1)

    result = simulate_rtl(plan, step, inputs, tmp_path / "rtl", runner="native")
    got = hls_outputs(plan, step, inputs, tmp_path / "hls")

    assert (result.latency, result.interval) == (
        plan.prediction.latency,
        plan.prediction.interval,
    )
    assert golden.first_difference(step, golden.run(step, inputs), got) is None
