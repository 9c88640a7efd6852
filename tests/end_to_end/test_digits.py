"""The digits accelerators in RTL: every held-out image, bit for bit and cycle for cycle."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec
from hwgen.spec.model import Budget
from hwgen.verify.rtl import simulate_rtl

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("name", "schedule", "multipliers"),
    [
        ("mlp", "sequential", 4),
        ("mlp", "dataflow", 16),
        ("mlp_int8", "dataflow", 64),
        ("mlp_mixed", "sequential", 64),
        ("cnn", "sequential", 16),
        ("cnn", "dataflow", 64),
        ("cnn_int8", "sequential", 64),
    ],
)
def test_every_held_out_image_gives_the_golden_logits(tmp_path, name, schedule, multipliers):
    spec = load_spec(DIGITS / f"{name}.yaml")
    qgraph = quantize(build_graph(spec), spec)
    budget = Budget(multipliers, None)
    plan = make_plan(qgraph, replace(spec.accelerator, schedule=schedule, budget=budget))
    with np.load(DIGITS / "test.npz") as file:
        images, labels = file["image"], file["labels"]
    inputs = golden.encode_inputs(qgraph, {"image": images})

    # Raises if a value differs, or if an image leaves in another cycle than predicted.
    result = simulate_rtl(plan, qgraph, inputs, tmp_path, runner="native")

    expected = golden.run(qgraph, inputs)
    (output,) = qgraph.outputs
    assert result.outputs[output].shape == (599, 10)
    assert np.array_equal(result.outputs[output], expected[output])
    assert result.latency == plan.prediction.latency
    assert result.interval == plan.prediction.interval
    # Not only equal but useful: a network of constants would be equal too.
    assert np.mean(result.outputs[output].argmax(axis=1) == labels) > 0.95
