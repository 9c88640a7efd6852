"""Streamed networks: golden = RTL = HLS C++ over chunks, and predicted = simulated cycles."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest
import yaml

from hwgen import golden
from hwgen.plan import predict
from hwgen.plan.text import stream_text
from hwgen.verify.rtl import verify_rtl
from support.hls import hls_outputs
from support.random_streams import random_stream
from support.specs import compile_file, compile_spec

ROOT = Path(__file__).resolve().parents[2]
CHUNKS = 5
ROWS = 96


def random_network(seed, schedule, folder):
    """Return (qgraph, plan) of a random streamed spec, the first one with a history."""
    specs = (stream_spec([11, seed, attempt], schedule) for attempt in count())
    compiled = (compile_spec(text, folder) for text in specs)
    return next(pair for pair in compiled if has_history(pair[1]))


def has_history(plan):
    return any(port.missing for task in plan.tasks for port in task.work.ports)


def stream_spec(seeds, schedule):
    """Return the text of a random streamed spec."""
    rng, seed = np.random.default_rng(seeds), seeds[1]
    sequence = bool(seed % 2)
    layers, rest, stride = random_stream(rng, sequence=sequence)
    spec = {
        "hwgen": 1,
        "name": "random_stream",
        "model": {
            "inputs": {"x": {"shape": [ROWS, *rest] if sequence else [rest[0], ROWS, rest[1]]}},
            "layers": layers,
            "outputs": [layers[-1]["name"]],
        },
        "weights": {"random": seed},
        "quantize": {"default": {"weights": "int4", "activations": "int5", "symmetric": False}},
        "accelerator": {"schedule": schedule, "budget": {"multipliers": 40}},
        "stream": {"chunk": stride * int(rng.integers(1, 4))},
    }
    return yaml.safe_dump(spec, sort_keys=False)


def check(qgraph, plan, seed, folder):
    inputs = golden.random_inputs(qgraph, CHUNKS, seed)
    expected = golden.run(qgraph, inputs)

    # Free, stalled, back to back and after a reset, values and cycles.
    rtl = verify_rtl(plan, qgraph, inputs, folder / "sim", runner="native", seed=seed, optimise=0)
    hls = hls_outputs(plan, qgraph, inputs, folder / "hls")

    assert has_history(plan)
    assert rtl.latency == predict(plan, 1)[0] + 1
    for name in qgraph.outputs:
        assert rtl.outputs[name].tolist() == expected[name].tolist()
        assert hls[name].tolist() == expected[name].tolist()


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(("seed", "schedule"), [(4, "dataflow"), (31, "sequential")])
def test_random_streams(seed, schedule, tmp_path):
    check(*random_network(seed, schedule, tmp_path), seed, tmp_path)


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("schedule", ["dataflow", "sequential"])
@pytest.mark.parametrize("seed", range(32))
def test_many_random_streams(seed, schedule, tmp_path):
    check(*random_network(seed, schedule, tmp_path), seed, tmp_path)


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("schedule", ["dataflow", "sequential"])
def test_the_autoencoder(schedule, tmp_path):
    text = (ROOT / "examples" / "streaming" / "autoencoder.yaml").read_text()
    qgraph, plan = compile_spec(text.replace("dataflow", schedule), tmp_path)
    check(qgraph, plan, 1, tmp_path)
    assert plan.stream.latency == {"change": 7}


@pytest.mark.verilator
@pytest.mark.hls
def test_the_example_is_as_documented(tmp_path):
    qgraph, plan = compile_file(ROOT / "examples" / "streaming" / "denoiser.yaml")
    check(qgraph, plan, 1, tmp_path)

    # No bubble between chunks: the slowest engine works all the time.
    assert plan.prediction.interval == max(task.cycles for task in plan.tasks)
    assert stream_text(plan.stream) in (ROOT / "docs" / "streaming.md").read_text()
