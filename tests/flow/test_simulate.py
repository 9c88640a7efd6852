"""The verbs sim and csim, their results, and what a failure leaves behind."""

import json
import shutil

import numpy as np
import pytest

import hwgen
from hwgen import golden
from hwgen.cli import main
from hwgen.errors import SpecError, VerificationError
from hwgen.flow.builder import opened
from hwgen.flow.identity import identity_word
from support.spec_texts import changed

pytestmark = [pytest.mark.verilator, pytest.mark.xdist_group("flow_simulate")]

TEXT = changed("schedule: sequential", "schedule: dataflow")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("made")
    (home / "tiny.yaml").write_text(TEXT)
    return home, hwgen.sim(home / "tiny.yaml", home / "build", runner="native", vectors=3, seed=5)


@pytest.fixture
def home(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def expected(made):
    """Golden tensors of the vectors that were sent."""
    home, _ = made
    with opened(home / "tiny.yaml", home / "build") as build:
        qgraph = build.front.qgraph
    return golden.run(qgraph, golden.random_inputs(qgraph, 3, 5))


def test_a_simulation_reports_cycles_and_values(made, expected):
    _, result = made
    assert (result.vectors, result.seed, result.runner) == (3, 5, "native")
    assert result.simulated == result.predicted
    assert [scenario.split()[0] for scenario in result.scenarios] == [
        "free",
        "stalls",
        "back_to_back",
        "reset",
    ]
    assert result.accuracy is None
    assert 0 < result.utilisation <= 1
    np.testing.assert_array_equal(result.outputs["fc"], expected["fc"])


def test_trace_gives_every_layer_of_the_hardware(made, expected):
    traced = made[1].trace()
    assert list(traced) == ["conv1", "pool1", "fc"]
    for name, codes in traced.items():
        np.testing.assert_array_equal(codes, expected[name])


def test_the_build_keeps_what_was_measured(made):
    home, result = made
    kept = json.loads((home / "build" / "sim" / "measured.json").read_text())
    assert kept["ok"] is True
    assert kept["latency"] == result.predicted.latency
    assert [span["task"] for span in kept["spans"]] == ["conv1", "pool1", "fc"]
    assert kept["spans"][-1]["end"] <= result.predicted.latency
    manifest = json.loads((home / "build" / "manifest.json").read_text())
    assert kept["counters"]["ID"] == identity_word(manifest["identity"])
    page = (home / "build" / "report.html").read_text()
    assert "equals golden, 3 tensors" in page
    assert f"equals the simulated {result.simulated.latency:,}" in page


def test_one_vector_has_no_interval(home):
    result = hwgen.sim(home / "tiny.yaml", home / "build", runner="native", vectors=1)
    assert result.simulated.interval is None
    assert result.utilisation is None


def test_the_command_line_prints_the_same(home, capsys):
    words = ["sim", str(home / "tiny.yaml"), "-o", str(home / "build"), "--runner", "native"]
    assert main([*words, "--vectors", "2"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("tiny: RTL equals the golden model on 2 vectors\n")

    assert main([*words, "--vectors", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    assert found["simulated"] == found["predicted"]
    assert found["outputs"]["fc"]["shape"] == [2, 10]


def test_a_waveform_is_written(home):
    result = hwgen.sim(home / "tiny.yaml", home / "build", runner="native", vectors=2, wave=True)
    text = result.wave.read_text()
    assert result.wave.parent == home / "build" / "sim"
    assert "$enddefinitions" in text
    assert "s_axis_image_tvalid" in text


def test_a_mismatch_names_the_place_and_is_kept_for_the_report(home, monkeypatch, capsys):
    def biased(made):
        def read(trace):
            name = "tiny_trace.v" if trace else "tiny.v"
            text = (made.folder / "rtl" / name).read_text()
            return text.replace("* $signed(", "+ $signed(", 1)

        return read

    monkeypatch.setattr("hwgen.flow.simulate._emitted", biased)
    words = [str(home / "tiny.yaml"), "-o", str(home / "build"), "--runner", "native", "--json"]
    assert main(["sim", *words]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert found["code"] == "HG701"
    mismatch = found["mismatch"]
    assert mismatch["layer"] in ("conv1", "fc")
    assert mismatch["expected"] != mismatch["got"]
    assert mismatch["cycle"] > 0
    kept = json.loads((home / "build" / "sim" / "measured.json").read_text())
    assert kept["ok"] is False
    assert "differs from golden" in (home / "build" / "report.html").read_text()


def test_csim_agrees_and_is_in_the_report(home, capsys):
    result = hwgen.csim(home / "tiny.yaml", home / "build", vectors=3, seed=5)
    sim = hwgen.sim(home / "tiny.yaml", home / "build", runner="native", vectors=3, seed=5)
    np.testing.assert_array_equal(result.outputs["fc"], sim.outputs["fc"])
    page = (home / "build" / "report.html").read_text()
    assert "HLS C++ equals golden, 3 tensors" in " ".join(page.split())
    assert main(["report", str(home / "tiny.yaml"), "-o", str(home / "build")]) == 0
    assert capsys.readouterr().out == (
        f"{home / 'build' / 'report.html'}\n  not in it yet: hwgen bitstream\n"
    )


def test_a_csim_failure_is_exit_code_1(home, monkeypatch):
    def differ(*_, **__):
        raise VerificationError("HG721", "differs")

    monkeypatch.setattr("hwgen.verify.hls.check_hls", differ)
    words = [str(home / "tiny.yaml"), "-o", str(home / "build")]
    assert main(["csim", *words]) == 1
    assert json.loads((home / "build" / "csim" / "result.json").read_text())["ok"] is False


def test_labelled_data_gives_accuracy_and_is_not_repeated(home):
    rng = np.random.default_rng(3)
    np.savez(home / "l.npz", image=rng.random((6, 1, 8, 8)), labels=np.arange(6) % 10)
    (home / "tiny.yaml").write_text(TEXT.replace("seed: 1}", "seed: 1, labels: l.npz}"))
    words = (home / "tiny.yaml", home / "build")
    result = hwgen.csim(*words, vectors=6)
    with opened(*words) as build:
        scores = golden.run(
            build.front.qgraph,
            golden.encode_inputs(build.front.qgraph, dict(np.load(home / "l.npz"))),
        )["fc"]
    assert result.accuracy == np.mean(scores.argmax(axis=1) == np.arange(6) % 10)
    np.testing.assert_array_equal(result.outputs["fc"], scores)
    with pytest.raises(SpecError, match=r"HG921: 7 vectors, but l\.npz holds 6 samples"):
        hwgen.csim(*words, vectors=7)


@pytest.mark.parametrize(("label", "place"), [(10, 4), (-1, 0)])
def test_a_label_that_is_no_class_is_refused(home, label, place):
    labels = np.arange(6)
    labels[place] = label
    np.savez(home / "l.npz", image=np.ones((6, 1, 8, 8)), labels=labels)
    (home / "tiny.yaml").write_text(TEXT.replace("seed: 1}", "seed: 1, labels: l.npz}"))
    text = rf"HG303: l\.npz: 'labels' is {label} at \[{place}\], and fc has 10 classes"
    with pytest.raises(SpecError, match=text):
        hwgen.check(home / "tiny.yaml")


@pytest.mark.parametrize(
    ("choice", "text"), [({"vectors": 0}, "0 vectors are too few"), ({"seed": -1}, "seed -1 is")]
)
def test_impossible_vectors_are_refused(made, choice, text):
    home, _ = made
    with pytest.raises(SpecError, match=f"HG921: {text}"):
        hwgen.csim(home / "tiny.yaml", home / "build", **choice)


def test_random_vectors_depend_on_the_seed_alone(made):
    home, _ = made
    found = [
        hwgen.csim(home / "tiny.yaml", home / "build", vectors=4, seed=seed).outputs["fc"]
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()
