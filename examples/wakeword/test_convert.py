"""The committed files are what the package gives, and its own library agrees; `make wakeword`."""

import numpy as np
import pytest
from convert import HERE, SCALE, write
from detect import probabilities
from integer import tflite_logits
from package import WORDS, load
from reference import Reference
from speech import FRAMES


def test_the_committed_files_are_what_the_package_gives(tmp_path):
    names = [path.name for path in write("alexa", tmp_path)]
    assert names == ["alexa.yaml", "alexa.npz", "alexa_calib.npz", "alexa_test.npz"]
    assert (tmp_path / names[0]).read_text() == (HERE / names[0]).read_text()
    with np.load(tmp_path / names[1]) as new, np.load(HERE / names[1]) as old:
        assert set(new) == set(old)
        for name in new:
            np.testing.assert_array_equal(new[name], old[name])


def test_the_committed_logits_are_the_reference_s():
    reference = Reference(load("alexa").model)
    with np.load(HERE / "alexa_test.npz") as file:
        for features, logits in zip(file["features"], file["logits"], strict=True):
            np.testing.assert_allclose(reference.logits(features * SCALE), logits, atol=1e-4)


@pytest.mark.parametrize("name", WORDS)
def test_the_reference_is_the_library_s_network_without_rounding(name):
    word = load(name)
    with np.load(HERE / "alexa_test.npz") as file:
        features = file["features"] * SCALE
    assert features.shape[1:] == (FRAMES, 40)
    reference = Reference(word.model)
    apart = [
        probabilities(reference.logits(item)) - probabilities(tflite_logits(word, item))
        for item in features
    ]
    assert np.abs(apart).mean() < 0.01
    assert np.abs(apart).max() < 0.25
