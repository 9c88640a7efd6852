import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

import hwgen
from hwgen import golden
from hwgen.errors import LimitError, SpecError
from hwgen.flow.builder import opened
from hwgen.flow.manifest import read_manifest
from hwgen.plan.model import Plan
from hwgen.quant.model import QGraph
from hwgen.serialize import digest
from support.spec_texts import GOOD, changed

STAGES = ("spec", "graph", "quant", "plan", "golden", "rtl", "hls")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A build that tests copy."""
    home = tmp_path_factory.mktemp("made")
    (home / "tiny.yaml").write_text(GOOD)
    return home, hwgen.build(home / "tiny.yaml", home / "build")


@pytest.fixture
def home(made, tmp_path):
    """A folder with the spec and its build."""
    shutil.copytree(made[0], tmp_path / "home")
    return tmp_path / "home"


def rebuild(home, text=None):
    if text is not None:
        (home / "tiny.yaml").write_text(text)
    return hwgen.build(home / "tiny.yaml", home / "build")


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_build_has_the_documented_files(made):
    home, result = made
    found = set(files(home / "build"))
    assert result.ran == STAGES
    assert found >= {
        "spec.yaml",
        "graph.json",
        "qgraph.json",
        "qgraph.npz",
        "plan.json",
        "plan.txt",
        "manifest.json",
        "golden/vectors.npz",
        "golden/quality.json",
        "rtl/tiny.v",
        "rtl/tiny_trace.v",
        "hls/top.cpp",
        "report.html",
    }
    assert {path.name for path in home.iterdir()} == {"tiny.yaml", "build"}
    assert all(path.exists() for path in result.files.values())
    assert (home / "build" / "spec.yaml").read_text() == GOOD


def test_the_json_files_hold_the_stages_results(made):
    home, result = made
    with opened(home / "tiny.yaml", home / "build") as build:
        qgraph, plan = build.front.qgraph, build.front.plan  # read back from the files
    assert isinstance(qgraph, QGraph)
    assert isinstance(plan, Plan)
    fresh = hwgen.flow.front.Front(build.front.spec)
    assert digest(qgraph) == digest(fresh.qgraph)
    assert digest(plan) == digest(fresh.plan)
    assert result.identity == digest(fresh.qgraph, fresh.plan)
    assert json.loads((home / "build" / "plan.json").read_text())["schedule"] == "sequential"


def test_the_vectors_are_the_golden_models(made):
    home, _ = made
    with opened(home / "tiny.yaml", home / "build") as build:
        qgraph = build.front.qgraph
    with np.load(home / "build" / "golden" / "vectors.npz") as stored:
        expected = golden.run(qgraph, {"image": stored["image"]})
        assert set(stored.files) == set(expected)
        for name, codes in expected.items():
            assert len(codes) == 4
            np.testing.assert_array_equal(stored[name], codes)


def test_an_unchanged_build_is_left_alone(home):
    before = {path: path.stat().st_mtime_ns for path in (home / "build").rglob("*")}
    result = rebuild(home)
    assert (result.ran, result.reused) == ((), STAGES)
    assert before == {path: path.stat().st_mtime_ns for path in (home / "build").rglob("*")}


@pytest.mark.parametrize(
    ("old", "new", "ran"),
    [
        ("hwgen: 1", "# a comment\nhwgen: 1", {"spec"}),
        ("seed: 1", "seed: 2", {"spec", "golden"}),
        ("multipliers: 4", "multipliers: 3", {"spec", "plan", "rtl", "hls"}),
        ("weights: int4", "weights: int5", set(STAGES) - {"graph"}),
        ("random: 7", "random: 8", set(STAGES)),
    ],
)
def test_only_what_changed_runs_again(home, old, new, ran):
    result = rebuild(home, changed(old, new))
    assert set(result.ran) == ran
    assert set(result.reused) == set(STAGES) - ran
    fresh = hwgen.build(home / "tiny.yaml", home / "fresh")
    assert fresh.identity == result.identity
    assert files(home / "fresh") == files(home / "build")


def test_a_weights_file_counts_by_its_content(home):
    rng = np.random.default_rng(0)

    def write(scale):
        shapes = {"conv1.weight": (4, 1, 3, 3), "conv1.bias": (4,)}
        shapes |= {"fc.weight": (10, 36), "fc.bias": (10,)}
        arrays = {name: rng.normal(size=shape) * scale for name, shape in shapes.items()}
        np.savez(home / "w.npz", **arrays)

    write(1)
    assert rebuild(home, changed("{random: 7}", "{file: w.npz}")).ran == STAGES
    os.utime(home / "w.npz", (0, 0))
    assert rebuild(home).ran == ()
    write(2)
    assert set(rebuild(home).ran) == set(STAGES) - {"spec"}


@pytest.mark.parametrize("damage", ["change", "delete"])
def test_a_damaged_file_is_made_again(home, damage):
    path = home / "build" / "rtl" / "tiny.v"
    whole = path.read_bytes()
    path.unlink() if damage == "delete" else path.write_bytes(whole[:-10])
    assert rebuild(home).ran == ("rtl",)
    assert path.read_bytes() == whole


def test_other_code_makes_everything_again(home, monkeypatch):
    monkeypatch.setattr("hwgen.flow.front.code_digest", lambda: "other")
    assert set(rebuild(home).ran) == set(STAGES) - {"spec"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1}'])
def test_an_unreadable_manifest_makes_everything_again(home, text):
    (home / "build" / "manifest.json").write_text(text)
    assert rebuild(home).ran == STAGES


def test_results_stay_while_they_are_about_the_same_hardware(home):
    (home / "build" / "sim").mkdir()
    (home / "build" / "sim" / "run.log").write_text("x")
    rebuild(home, changed("seed: 1", "seed: 2"))
    assert (home / "build" / "sim" / "run.log").read_text() == "x"
    rebuild(home, changed("multipliers: 4", "multipliers: 3"))
    assert not (home / "build" / "sim").exists()


def test_a_build_is_the_same_anywhere_and_names_no_folder(home, made, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.yaml").write_text(GOOD)
    command = ["-P", "-m", "hwgen", "build", "other.yaml", "-o", "x/y"]
    subprocess.run(
        [sys.executable, *command], cwd=elsewhere, check=True, capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
    )  # fmt: skip
    assert files(elsewhere / "x" / "y") == files(made[0] / "build")
    private = [str(made[0]), str(Path.home()), sys.prefix, str(Path(hwgen.__file__).parents[1])]
    for name, content in files(made[0] / "build").items():
        found = [place for place in private if place != "/" and place.encode() in content]
        assert found == [], f"{name} names a folder of this machine"


def test_the_default_folder_is_named_after_the_spec(home, monkeypatch):
    monkeypatch.chdir(home)
    shutil.rmtree("build")
    assert hwgen.build("tiny.yaml").folder == home / "build" / "tiny"


def test_two_specs_do_not_share_a_folder_by_accident(home):
    (home / "build" / "notes.txt").write_text("mine")
    shutil.rmtree(home / "build")
    (home / "build").mkdir()
    (home / "build" / "notes.txt").write_text("mine")
    with pytest.raises(SpecError, match="HG910"):
        rebuild(home)
    assert files(home / "build") == {"notes.txt": b"mine"}


def test_a_full_disk_leaves_the_previous_build(home, monkeypatch):
    before = files(home / "build")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(LimitError, match=r"HG912: Cannot write .*build: No space left") as caught:
        rebuild(home, changed("multipliers: 4", "multipliers: 3").replace("random: 7", "random: 8"))
    assert caught.value.exit_code == 4
    assert files(home / "build") == before
    assert {path.name for path in home.iterdir()} == {"tiny.yaml", "build"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_build_that_is_stopped_leaves_the_previous_one(home, number):
    before = files(home / "build")
    (home / "tiny.yaml").write_text(changed("random: 7", "random: 8"))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "hwgen", "build", "tiny.yaml", "-o", "build"],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not list(home.glob(".build.tmp-*/qgraph.json")):  # in the middle of the stages
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == {2: 130, 15: 143, 9: -9}[number]
    assert b"Traceback" not in errors
    assert files(home / "build") == before
    if number != signal.SIGKILL:
        assert {path.name for path in home.iterdir()} == {"tiny.yaml", "build"}
    assert rebuild(home).ran == STAGES
    assert {path.name for path in home.iterdir()} == {"tiny.yaml", "build"}
    assert read_manifest(home / "build").identity != json.loads(before["manifest.json"])["identity"]


def test_a_build_never_replaces_its_spec(home):
    with pytest.raises(SpecError, match=r"HG910: .* holds the spec itself"):
        hwgen.build(home / "build" / "spec.yaml", home / "build")


def test_the_spec_in_a_build_is_the_users(home):
    text = "# mine\n" + GOOD
    rebuild(home, text)
    assert yaml.safe_load((home / "build" / "spec.yaml").read_text()) == yaml.safe_load(GOOD)
    assert (home / "build" / "spec.yaml").read_text() == text


def test_notes_reach_the_user(made):
    home, result = made
    (note,) = result.notes
    assert note.startswith("No calibration data")
    assert note in (home / "build" / "report.html").read_text()
    assert list(result.to_json()["notes"]) == [note]


@pytest.mark.parametrize("key", ["rounding: compensated", "equalize: 0.5"])
def test_data_that_the_spec_has_are_not_asked_for(tmp_path, key):
    """A mistake of the plan is the only one, although it is looked for without the data."""
    text = f"""\
hwgen: 1
name: tiny
model:
  inputs: {{x: {{shape: [8]}}}}
  layers:
    - {{name: n, op: layer_norm, in: x}}
    - {{name: y, op: linear, in: n, features: 4}}
  outputs: [y]
weights: {{random: 1}}
quantize:
  default: {{mixed: {{channels: 4}}}}
  calibrate: {{file: c.npz}}
  {key}
accelerator: {{schedule: dataflow, budget: {{multipliers: 4}}}}
"""
    (tmp_path / "tiny.yaml").write_text(text)
    np.savez(tmp_path / "c.npz", x=np.random.default_rng(1).standard_normal((20, 8)))
    with pytest.raises(SpecError) as caught:
        hwgen.build(tmp_path / "tiny.yaml", tmp_path / "build")
    assert [found.code for found in caught.value.diagnostics] == ["HG472"]
