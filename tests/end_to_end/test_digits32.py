"""Digits on 32x32 pixels: accuracy of the committed weights, and every image through RTL."""

from pathlib import Path

import numpy as np
import pytest

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec
from hwgen.verify.rtl import simulate_rtl

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "digits32"


def network(name):
    """Return the spec, the graph, the qgraph, the held-out images and their labels."""
    spec = load_spec(FOLDER / f"{name}.yaml")
    graph = build_graph(spec)
    with np.load(FOLDER / "test.npz") as file:
        images, labels = file["image"], file["labels"]
    return spec, graph, quantize(graph, spec), {"image": images.astype(np.float64)}, labels


@pytest.mark.parametrize(("name", "cost"), [("cnn32", 0.01), ("cnn32_int8", 0.003)])
def test_few_bits_cost_little(name, cost):
    _, graph, qgraph, images, labels = network(name)
    real = golden.run_real(graph, images)["fc"]
    codes = golden.run(qgraph, golden.encode_inputs(qgraph, images))["fc"]
    assert codes.shape == real.shape == (599, 10)
    scores = [float(np.mean(x.argmax(axis=1) == labels)) for x in (real, codes)]
    assert scores[0] >= 0.97
    assert scores[1] >= scores[0] - cost


def test_the_images_are_those_of_the_digits_example_scaled_up():
    with np.load(FOLDER.parent / "digits" / "test.npz") as small:
        pixels, labels = small["image"].astype(np.float64), small["labels"]
    with np.load(FOLDER / "test.npz") as large:
        images = large["image"].astype(np.float64)
        assert np.array_equal(large["labels"], labels)
    # The mean of four by four pixels is near the pixel that they came of, blurred at edges.
    means = images.reshape(599, 1, 8, 4, 8, 4).mean(axis=(3, 5))
    assert images.shape == (599, 1, 32, 32)
    assert np.corrcoef(means.ravel(), pixels.ravel())[0, 1] > 0.97


@pytest.mark.nightly
@pytest.mark.verilator
@pytest.mark.parametrize("name", ["cnn32", "cnn32_int8"])
def test_every_held_out_image_gives_the_golden_logits(tmp_path, name):
    spec, _, qgraph, images, labels = network(name)
    plan = make_plan(qgraph, spec.accelerator)
    inputs = golden.encode_inputs(qgraph, images)

    # Raises if a value differs, or if an image leaves in another cycle than predicted.
    result = simulate_rtl(plan, qgraph, inputs, tmp_path, runner="native")

    assert (result.latency, result.interval) == (
        plan.prediction.latency,
        plan.prediction.interval,
    )
    assert np.mean(result.outputs["fc"].argmax(axis=1) == labels) > 0.97
