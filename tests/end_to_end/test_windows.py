"""Networks that judge windows of a stream: golden = RTL = HLS C++, predicted = simulated cycles."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.plan import predict
from hwgen.plan.text import stream_text
from hwgen.verify.rtl import verify_rtl
from support.hls import hls_outputs
from support.specs import compile_file, compile_spec
from support.windowed_streams import random_windows

ROOT = Path(__file__).resolve().parents[2]
WINDOW = 96
SCHEDULES = ("dataflow", "sequential")


def spec(layers, shape, stream, schedule, seed=1):
    """Return the text of a spec whose last layer is the output."""
    text = {
        "hwgen": 1,
        "name": "windows",
        "model": {
            "inputs": {"x": {"shape": list(shape)}},
            "layers": layers,
            "outputs": [layers[-1]["name"]],
        },
        "weights": {"random": seed},
        "quantize": {"default": {"weights": "int4", "activations": "int5", "symmetric": False}},
        "accelerator": {"schedule": schedule, "budget": {"multipliers": 24}},
        "stream": stream,
    }
    return yaml.safe_dump(text, sort_keys=False)


def check(text, seed, folder):
    """Compare free, stalled, back to back and reset runs, values and cycles; return the plan."""
    qgraph, plan = compile_spec(text, folder)
    window = plan.stream.window // plan.stream.chunk
    inputs = golden.random_inputs(qgraph, window + 3, seed)
    expected = golden.run(qgraph, inputs)

    rtl = verify_rtl(plan, qgraph, inputs, folder / "sim", runner="native", seed=seed, optimise=0)
    hls = hls_outputs(plan, qgraph, inputs, folder / "hls")

    assert rtl.latency == predict(plan, 1)[0] + 1
    for name in qgraph.outputs:
        assert rtl.outputs[name].tolist() == expected[name].tolist()
        assert hls[name].tolist() == expected[name].tolist()
    return plan


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(
    ("padding", "schedule"),
    [
        ("signal", "dataflow"),
        pytest.param("signal", "sequential", marks=pytest.mark.nightly),
        pytest.param("window_exact", "dataflow", marks=pytest.mark.nightly),
        ("window_exact", "sequential"),
    ],
)
def test_windows_of_three_hops(padding, schedule, tmp_path):
    layers = [
        {"name": "a", "op": "conv1d", "in": "x", "channels": 4, "kernel": 3, "padding": "same"},
        {"name": "b", "op": "max_pool1d", "in": "a", "kernel": 2},
        {"name": "p", "op": "global_avg_pool", "in": "b"},
        {"name": "y", "op": "linear", "in": "p", "features": 3},
    ]
    stream = {"window": 24, "hop": 8, "padding": padding}
    plan = check(spec(layers, (24, 2), stream, schedule), 1, tmp_path)

    if padding == "signal":  # sums of 4 codes of 5 bits, of two hops
        assert plan.stream.state["p" if schedule == "dataflow" else "p_P4"] == 2 * 4 * 7
    assert plan.stream.latency == {"y": 2 if padding == "signal" else 0}


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("seed", range(24))
def test_many_random_windows(seed, schedule, tmp_path):
    rng = np.random.default_rng([13, seed])
    sequence = bool(seed % 2)
    layers, rest, stride = random_windows(rng, sequence=sequence, length=WINDOW)
    shape = (WINDOW, *rest) if sequence else (rest[0], WINDOW, rest[1])
    stream = {"window": WINDOW, "hop": stride * int(rng.integers(1, WINDOW // stride + 1))}
    check(spec(layers, shape, stream, schedule, seed), seed, tmp_path)


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("seed", range(12))
def test_many_random_windows_with_zero_padding(seed, schedule, tmp_path):
    sequence = bool(seed % 2)
    for draw in range(50):
        rng = np.random.default_rng([17, seed, draw])
        layers, rest, _ = random_windows(rng, sequence=sequence, length=WINDOW)
        shape = (WINDOW, *rest) if sequence else (rest[0], WINDOW, rest[1])
        stream = {"window": WINDOW, "hop": WINDOW // 2, "padding": "window_exact"}
        text = spec(layers, shape, stream, schedule, seed)
        try:
            compile_spec(text, tmp_path)
        except SpecError as error:  # more rows than are read, or no room for a window's ends
            assert error.diagnostics[0].code in ("HG495", "HG499")
            continue
        check(text, seed, tmp_path)
        return
    pytest.fail("no network has cones")


def test_the_example_is_as_documented():
    _, plan = compile_file(ROOT / "examples" / "streaming" / "activity.yaml")
    states = plan.stream.state

    # 504 words of 8 bits, and of the sums of 160 codes those of 5 hops beside the one at hand.
    assert sum(bits for name, bits in states.items() if name != "pooled") == 504 * 8
    assert states["pooled"] == 5 * 256 * 16
    assert stream_text(plan.stream) in (ROOT / "docs" / "streaming.md").read_text()
