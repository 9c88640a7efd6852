"""The accuracy that the committed weights and specs of examples/digits reach."""

from pathlib import Path

import numpy as np
import pytest

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.quant import load_samples, quantize, sqnr
from hwgen.spec import load_spec

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
SHAPES = {"image": (1, 8, 8)}


def accuracies(name):
    """Return (float accuracy, integer accuracy, noise per layer) on the held-out third."""
    spec = load_spec(DIGITS / f"{name}.yaml")
    graph = build_graph(spec)
    samples = load_samples(spec.verify.labels, SHAPES)
    (output,) = graph.outputs
    real = golden.run_real(graph, samples.inputs)[output]
    qgraph = quantize(graph, spec)
    codes = golden.run(qgraph, golden.encode_inputs(qgraph, samples.inputs))[output]
    assert codes.shape == real.shape == (599, 10)
    right = [float(np.mean(x.argmax(axis=1) == samples.labels)) for x in (real, codes)]
    return *right, sqnr(graph, qgraph, samples.inputs)


@pytest.mark.parametrize("name", ["mlp", "mlp_mixed", "cnn"])
def test_four_bits_cost_at_most_one_point(name):
    real, integer, noise = accuracies(name)
    assert real >= 0.97
    assert integer >= real - 0.01
    assert min(noise.values()) > 15.0


@pytest.mark.parametrize("name", ["mlp_int8", "cnn_int8"])
def test_eight_bits_cost_at_most_three_tenths_of_a_point(name):
    real, integer, noise = accuracies(name)
    assert real >= 0.97
    assert integer >= real - 0.003
    assert min(noise.values()) > 35.0


def test_the_held_out_third_is_stratified_and_was_never_seen():
    test = load_samples(DIGITS / "test.npz", SHAPES)
    calibration = load_samples(DIGITS / "calib.npz", SHAPES)
    counts = np.bincount(test.labels, minlength=10)
    # The data holds 174 to 183 scans of each digit.
    assert test.count == 599
    assert counts.min() >= 174 // 3
    assert counts.max() <= 183 // 3 + 1
    seen = {image.tobytes() for image in calibration.inputs["image"]}
    assert not any(image.tobytes() in seen for image in test.inputs["image"])
    for samples in (test, calibration):
        assert 0 <= samples.inputs["image"].min() <= samples.inputs["image"].max() <= 16


def test_the_files_are_the_scans_that_scikit_learn_ships():
    datasets = pytest.importorskip("sklearn.datasets", reason="the train group is optional")
    data = datasets.load_digits()
    scans = [image.astype(np.uint8).tobytes() for image in data.images]
    digit = dict(zip(scans, data.target.tolist(), strict=True))
    with np.load(DIGITS / "test.npz") as test:
        for image, label in zip(test["image"], test["labels"].tolist(), strict=True):
            assert digit[image.tobytes()] == label
