import subprocess
import sys
from pathlib import Path

import pytest

from hwgen.errors import SpecError
from hwgen.spec import load_spec
from hwgen.spec.model import Budget, Precision
from support.spec_texts import GOOD, changed, write

FULL = """\
hwgen: 1
name: digits
model:
  inputs:
    image: {shape: [1, 8, 8]}
    extra: {shape: [4]}
  layers:
    - name: conv1
      op: conv2d
      in: image
      channels: 8
      kernel: [3, 1]
    - {name: fc, op: linear, in: [conv1], features: 4}
    - {name: sum, op: add, in: [fc, extra]}
  outputs: [sum]
weights: {file: digits.npz}
quantize:
  default: {weights: int4, activations: int6}
  layers:
    fc: {activations: int8}
    extra: {weights: int2, symmetric: false}
  calibrate: {file: data/calib.npz}
accelerator:
  schedule: dataflow
  budget: {multipliers: 64, onchip_kib: 96}
  folding: {conv1: {rows: 3, outputs: 2}}
  clock_mhz: 62.5
board: ulx3s_85f
verify: {vectors: 32, seed: 5, labels: data/test.npz}
"""


@pytest.fixture
def full(tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("digits.npz", "data/calib.npz", "data/test.npz"):
        (tmp_path / name).write_bytes(b"")
    return load_spec(write(tmp_path, FULL)[0])


def test_every_key_arrives(full, tmp_path):
    assert full.path == tmp_path / "spec.yaml"
    assert full.name == "digits"
    assert [(item.name, item.shape) for item in full.inputs] == [
        ("image", (1, 8, 8)),
        ("extra", (4,)),
    ]
    assert [(x.name, x.op, x.inputs, x.params) for x in full.layers] == [
        ("conv1", "conv2d", ("image",), {"channels": 8, "kernel": [3, 1]}),
        ("fc", "linear", ("conv1",), {"features": 4}),
        ("sum", "add", ("fc", "extra"), {}),
    ]
    assert full.outputs == ("sum",)
    assert (full.weights.file, full.weights.random) == (tmp_path / "digits.npz", None)
    assert full.quantize.default == Precision(4, 6, True)
    assert full.quantize.layers == {
        "fc": Precision(4, 8, True),
        "extra": Precision(2, 6, False),
    }
    assert full.quantize.calibrate == tmp_path / "data/calib.npz"
    assert full.accelerator.schedule == "dataflow"
    assert full.accelerator.budget == Budget(64, 96)
    fold = full.accelerator.folding["conv1"]
    assert (fold.rows, fold.elements, fold.outputs) == (3, None, 2)
    assert full.accelerator.clock_mhz == 62.5
    assert full.board == "ulx3s_85f"
    assert (full.verify.vectors, full.verify.seed) == (32, 5)
    assert full.verify.labels == tmp_path / "data/test.npz"


def test_places_of_keys_and_values_are_known(full):
    marks = full.layers[0].marks

    def at(mark):
        return mark.line, mark.column

    assert at(marks[""]) == (8, 7)
    assert at(marks["kernel:"]) == (12, 7)
    assert at(marks["kernel"]) == (12, 15)
    assert at(marks["kernel.1"]) == (12, 19)
    assert at(full.marks["accelerator.budget.multipliers"]) == (25, 25)
    assert at(full.accelerator.folding["conv1"].mark) == (26, 20)
    assert at(full.weights.mark) == (16, 17)


def test_what_is_absent_has_the_documented_default(tmp_path):
    text = GOOD[: GOOD.index("quantize:")]
    text += "accelerator: {schedule: dataflow, budget: {multipliers: 1}}\n"

    spec = load_spec(write(tmp_path, text)[0])

    assert spec.quantize.default == Precision(8, 8, True)
    assert spec.quantize.layers == {}
    assert spec.quantize.calibrate is None
    assert spec.accelerator.budget == Budget(1, None)
    assert spec.accelerator.clock_mhz == 50.0
    assert spec.accelerator.folding == {}
    assert spec.board is None
    assert (spec.verify.vectors, spec.verify.seed, spec.verify.labels) == (16, 1, None)


def test_a_file_is_found_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "w.npz").write_bytes(b"")
    write(tmp_path, changed("{random: 7}", "{file: w.npz}"))
    monkeypatch.chdir(tmp_path.parent)

    spec = load_spec(f"{tmp_path.name}/spec.yaml")

    assert spec.weights.file == tmp_path / "w.npz"


def test_quoted_text_is_text(tmp_path):
    # 'on' is refused unquoted; in quotes it is an ordinary name.
    text = GOOD.replace("conv1", '"on"')

    assert load_spec(write(tmp_path, text)[0]).layers[0].name == "on"


def test_nothing_is_run_and_nothing_written(tmp_path):
    path, _ = write(tmp_path, "!!python/object/apply:os.system ['touch pwned']\n")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(SpecError):
        load_spec(path)

    assert sorted(tmp_path.iterdir()) == before
    assert not Path("pwned").exists()


def test_checking_loads_no_heavy_package():
    code = (
        "import sys; from hwgen.graph import check_model;"
        "from hwgen.spec.starters import starter_names;"
        "print(*(m for m in ('amaranth', 'cocotb', 'rich', 'jinja2', 'pyosys', 'click', 'asyncio')"
        " if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == []
