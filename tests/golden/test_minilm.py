"""all-MiniLM-L6-v2: what needs no weights, and its quality with them."""

import numpy as np
import pytest
import yaml

from hwgen import golden
from hwgen.graph.build import check_model
from hwgen.graph.safetensors import SafetensorsFile
from support.minilm import FOLDER, needs_weights

SPECS = ("minilm_w8a8", "minilm_w4a8", "minilm_layer")


def texts():
    from convert import CALIBRATION, TEST, sentences
    from ranking import pairs

    scores, paired = pairs()
    return sentences(CALIBRATION), sentences(TEST), scores, paired


# -- without the weights ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPECS)
def test_specs_need_the_tensors_that_are_converted(tmp_path, name):
    from convert import tensor_names

    text = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    text["weights"] = {"random": 1}
    del text["quantize"]["calibrate"]
    if "ids" in text["model"]["inputs"]:
        text["model"]["layers"][0]["vocabulary"] = 100  # quicker
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(text, sort_keys=False))
    _, graph = check_model(path)
    labels = {node.name: node.label for node in graph.nodes}
    needed = {f"{labels[node]}.{short}" for node, short in (n.split(".") for n in graph.weights)}
    made = set(tensor_names(6)) | {"words.weight", "words.position"}
    if name == "minilm_layer":
        made = {item.replace("encoder_0_", "layer_") for item in tensor_names(1)}
    assert needed == made


def test_the_texts_are_different_sentences():
    calibration, test, scores, paired = texts()
    assert len(set(calibration)) == len(calibration) >= 64
    assert len(set(test)) == len(test) >= 60
    assert not set(calibration) & {*test, *paired}
    assert len(paired) == 2 * len(scores) >= 80
    assert set(scores) == set(range(6))


def test_rank_correlation():
    from ranking import spearman

    assert spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 10, 100, 1000])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([4.0, 3, 2, 1])) == pytest.approx(-1)
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5.
    tied = spearman(np.array([0.0, 5, 5, 9]), np.array([1.0, 2, 3, 4]))
    assert tied == pytest.approx(4.5 / np.sqrt(4.5 * 5.0))


def test_written_tensors_read_back(tmp_path):
    from convert import _save

    random = np.random.default_rng(1)
    arrays = {
        name: random.standard_normal(shape).astype(np.float32)
        for name, shape in (("a.weight", (3, 5)), ("b.bias", (7,)))
    }
    _save(tmp_path / "x.safetensors", arrays)
    file = SafetensorsFile(tmp_path / "x.safetensors")
    assert set(file.headers) == set(arrays)
    for name, array in arrays.items():
        assert np.array_equal(file.load(name), array)


# -- with them ----------------------------------------------------------------------------------


@needs_weights
@pytest.mark.nightly
@pytest.mark.parametrize(("bits", "least"), [(8, 0.99), (4, 0.95)])
def test_integer_sentence_vectors_are_the_float_models(tmp_path, bits, least):
    from model import Model, variant
    from ranking import similarities, spearman
    from reference import Reference
    from tokens import encode

    model = Model(variant(tmp_path, bits, 32))
    _, test, _, paired = texts()
    wanted = Reference().embed(*encode([*test, *paired], 32))
    got = model.embed([*test, *paired])
    assert (got * wanted).sum(axis=1).min() >= least
    rows = slice(len(test), None)
    assert spearman(similarities(got[rows]), similarities(wanted[rows])) > 0.97


@needs_weights
@pytest.mark.nightly
def test_the_spec_means_the_reference_whatever_the_padding(tmp_path):
    from model import variant
    from reference import Reference, pool
    from tokens import encode

    from hwgen.graph import build_graph
    from hwgen.spec import load_spec

    _, test, *_ = texts()
    chosen = [test[0], test[-3]]
    for length in (32, 128):
        ids, counts = encode(chosen, length)
        wanted = Reference().embed(ids, counts)
        graph = build_graph(load_spec(variant(tmp_path, 8, length), allow_path=True))
        ids = np.where(np.arange(length) < counts[:, None], ids, 17)  # any id may follow
        inputs = {"ids": ids.astype(np.float64), "count": counts[:, None].astype(np.float64)}
        rows = golden.run_real(graph, inputs)["encoder"]
        got = pool([row[:count] for row, count in zip(rows, counts, strict=True)])
        assert np.abs(got - wanted).max() < 1e-6
