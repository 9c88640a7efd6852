import io
import pickle
import zipfile

import numpy as np
import pytest

from hwgen.errors import Mark, SpecError
from hwgen.quant import load_samples
from hwgen.quant import samples as module

SHAPES = {"image": (1, 2, 2), "extra": (3,)}
WHERE = Mark("spec.yaml", 7, 3)


def good():
    return {"image": np.ones((4, 1, 2, 2), np.uint8), "extra": np.zeros((4, 3), np.float16)}


def test_good_samples(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", **good(), labels=np.arange(4))
    samples = load_samples(tmp_path / "a.npz", SHAPES)
    assert samples.count == 4
    assert samples.inputs["image"].dtype == np.float64
    assert samples.labels.tolist() == [0, 1, 2, 3]


def test_labels_may_be_asked_for(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", **good())

    with pytest.raises(SpecError, match=r"HG302: a\.npz: there is no array 'labels'"):
        load_samples(tmp_path / "a.npz", SHAPES, labelled=True)


def infinite():
    array = np.zeros((4, 3))
    array[2, 1] = np.inf
    return array


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"image": None}, "HG302", "there is no array 'image'"),
        ({"picture": np.ones(3)}, "HG302", "array 'picture' is no input"),
        ({"image": np.ones((4, 2, 2))}, "HG303", r"'image' has shape \(4, 2, 2\)"),
        ({"image": np.ones((1, 2, 2))}, "HG303", r"shape \(n, 1, 2, 2\)"),
        ({"image": np.ones((3, 1, 2, 2))}, "HG303", "image 3, extra 4"),
        ({"image": np.ones((0, 1, 2, 2))}, "HG305", "holds no sample"),
        ({"extra": infinite()}, "HG304", r"'extra' is inf at \[2, 1\]"),
        ({"extra": np.full((4, 3), np.nan)}, "HG304", r"'extra' is nan at \[0, 0\]"),
        ({"extra": np.full((4, 3), "x")}, "HG304", "has dtype str32"),
        ({"extra": np.ones((4, 3), np.complex64)}, "HG304", "has dtype complex64"),
        ({"labels": np.ones(4)}, "HG303", "one integer per sample"),
        ({"labels": np.ones(5, np.int64)}, "HG303", "labels 5"),
    ],
)
def test_bad_samples(tmp_path, changes, code, text):
    arrays = {k: v for k, v in {**good(), **changes}.items() if v is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(SpecError, match=text) as caught:
        load_samples(tmp_path / "a.npz", SHAPES, WHERE)
    assert caught.value.code == code
    assert str(caught.value).startswith("spec.yaml:7:3: ")
    assert caught.value.diagnostics[0].hint


def test_every_mistake_at_once(tmp_path):
    np.savez(tmp_path / "a.npz", image=np.ones(3), other=np.ones(1))
    with pytest.raises(SpecError) as caught:
        load_samples(tmp_path / "a.npz", SHAPES)
    assert [d.code for d in caught.value.diagnostics] == ["HG302", "HG302", "HG303"]


@pytest.mark.parametrize("content", [b"", b"not a zip", pickle.dumps({"image": 1})])
def test_files_that_are_no_archives(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(SpecError, match=r"'a\.npz' is not a sound \.npz file") as caught:
        load_samples(tmp_path / "a.npz", SHAPES)
    assert caught.value.code == "HG301"


def test_a_pickle_inside_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", image=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SpecError, match="holds pickled Python objects") as caught:
        load_samples(tmp_path / "a.npz", SHAPES)
    assert caught.value.code == "HG301"


def test_a_missing_file(tmp_path):
    with pytest.raises(SpecError, match="there is no file") as caught:
        load_samples(tmp_path / "a.npz", SHAPES)
    assert caught.value.code == "HG301"


def test_a_truncated_archive(tmp_path):
    np.savez(tmp_path / "a.npz", **good())
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(SpecError, match="not a sound"):
        load_samples(tmp_path / "a.npz", SHAPES)


def test_a_header_that_promises_more_than_memory_is_refused_unread(tmp_path):
    """A header of 2**40 elements in a file of a few hundred bytes."""
    header = io.BytesIO()
    shape = (1 << 38, 1, 2, 2)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("image.npy", header.getvalue())
    with pytest.raises(SpecError, match="has 128 bytes instead of") as caught:
        load_samples(tmp_path / "a.npz", {"image": (1, 2, 2)})
    assert caught.value.code == "HG301"


def test_a_file_of_too_many_values_is_refused_unread(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", image=np.zeros((1000, 1, 2, 2)))
    monkeypatch.setattr(module, "MAX_VALUES", 3999)
    with pytest.raises(SpecError, match="holds 4000 values") as caught:
        load_samples(tmp_path / "a.npz", {"image": (1, 2, 2)})
    assert caught.value.code == "HG301"
