"""The digits accelerators: ten logits of every held-out image, bit for bit, as HLS C++."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen.golden import encode_inputs, first_difference, run
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec
from hwgen.spec.model import Budget
from support.hls import hls_outputs

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


@pytest.mark.hls
@pytest.mark.parametrize(
    ("name", "multipliers", "schedule"),
    [
        *(
            (*net, schedule)
            for schedule in ("sequential", "dataflow")
            for net in (("mlp", 4), ("mlp_int8", 2368), ("cnn", 16), ("cnn_int8", 64))
        ),
        ("mlp_mixed", 64, "sequential"),
    ],
)
def test_every_held_out_image_gives_the_golden_logits(tmp_path, name, multipliers, schedule):
    spec = load_spec(DIGITS / f"{name}.yaml")
    qgraph = quantize(build_graph(spec), spec)
    budget = Budget(multipliers, None)
    plan = make_plan(qgraph, replace(spec.accelerator, schedule=schedule, budget=budget))
    with np.load(DIGITS / "test.npz") as file:
        images, labels = file["image"], file["labels"]
    inputs = encode_inputs(qgraph, {"image": images})

    got = hls_outputs(plan, qgraph, inputs, tmp_path)

    assert first_difference(qgraph, run(qgraph, inputs), got) is None
    (logits,) = got.values()
    assert logits.shape == (len(labels), 10)
    # Not only equal but useful: a network of constants would be equal too.
    assert np.mean(logits.argmax(axis=1) == labels) > 0.95
