import hashlib
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from hwgen.errors import Mark
from hwgen.serialize import arrays, digest, dumps, file_digest, restore, to_json


@dataclass(frozen=True)
class Inner:
    weight: Any
    place: Mark | None = None


@dataclass(frozen=True)
class Outer:
    name: str
    shape: tuple[int, ...]
    pair: tuple[int, str]
    scale: float
    parts: tuple[Inner, ...]
    named: dict[str, Inner]
    attrs: dict[str, Any]
    depth: int | None = None


class Keys(BaseModel):
    kernel: int = 3
    padding: str = "same"


WEIGHT = np.array([[1, -2], [3, 4]], dtype=np.int64)
OUTER = Outer(
    "x",
    (1, 8, 8),
    (3, "y"),
    0.1,
    (Inner(WEIGHT),),
    {"k": Inner(5)},
    {"stride": (2, 2), "relu": True},
)


def test_values_become_plain_json():
    value = [None, True, 3, 0.25, "a", (1, 2), {3, 1, 2}, np.int16(-4), np.float32(0.5)]
    assert to_json(value) == [None, True, 3, 0.25, "a", [1, 2], [1, 2, 3], -4, 0.5]
    assert to_json({"path": Path("a") / "b", 7: Keys()}) == {
        "path": "a/b",
        "7": {"kernel": 3, "padding": "same"},
    }


def test_numbers_that_json_lacks_survive():
    text = dumps({"a": math.inf, "b": -math.inf, "c": math.nan})
    assert json.loads(text) == {"a": "inf", "b": "-inf", "c": "nan"}


def test_an_array_is_named_by_its_content():
    named = to_json(WEIGHT)
    head = b"<i8(2, 2)"
    content = b"".join(int(v).to_bytes(8, "little", signed=True) for v in (1, -2, 3, 4))
    assert named == {
        "shape": [2, 2],
        "dtype": "int64",
        "sha256": hashlib.sha256(head + content).hexdigest(),
    }


@pytest.mark.parametrize(
    "other",
    [WEIGHT.T.copy(), WEIGHT + 1, WEIGHT.reshape(4), WEIGHT.astype(np.int32)],
    ids=["transposed", "values", "shape", "dtype"],
)
def test_another_array_has_another_digest(other):
    assert digest(other) != digest(WEIGHT)


def test_byte_order_and_layout_do_not_show():
    assert digest(WEIGHT.astype(">i8")) == digest(WEIGHT)
    assert digest(np.asfortranarray(WEIGHT)) == digest(WEIGHT)


def test_a_digest_ignores_places_and_the_order_of_keys():
    assert digest(Inner(1, Mark("a.yaml", 3, 4))) == digest(Inner(1, Mark("b.yaml", 9, 1)))
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(1, 2) != digest([1, 2]) != digest(12)


def test_places_are_left_out():
    mark = Mark("/home/somebody/a.yaml", 3, 4)
    assert to_json([Inner(1, mark), {"x": mark, "y": 2}]) == [{"weight": 1}, {"y": 2}]


def test_a_digest_is_the_same_in_another_process():
    code = "from hwgen.serialize import digest; print(digest({'a': {1, 2, 'b' and 3}}, (0.1, 'x')))"
    found = {
        subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_restore_gives_back_what_was_stored():
    stored = arrays(OUTER)
    back = restore(Outer, json.loads(dumps(OUTER)), stored)

    assert next(iter(stored.values())) is WEIGHT
    np.testing.assert_array_equal(back.parts[0].weight, WEIGHT)
    assert back.shape == (1, 8, 8)
    assert back.pair == (3, "y")
    assert back.attrs == {"stride": (2, 2), "relu": True}
    assert back.named == {"k": Inner(5)}
    assert back.depth is None
    assert digest(back) == digest(OUTER)


def test_restore_misses_an_array():
    with pytest.raises(ValueError, match="is not stored"):
        restore(Outer, to_json(OUTER), {})


def test_a_value_without_json_form_is_refused():
    with pytest.raises(TypeError, match="object has no JSON form"):
        to_json(object())


def test_a_file_has_the_digest_of_its_content(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert file_digest(path) == hashlib.sha256(b"abc").hexdigest()
