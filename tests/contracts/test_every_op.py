"""An op has one name on every floor: nothing of an op may be missing anywhere."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from hwgen.ops import ParamError, get_op, op_names
from support import random_specs
from support.graphs import make_graph
from support.graphs_all_ops import LAYERS, SEQUENCE_LAYERS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", op_names())
@pytest.mark.parametrize(
    "path",
    [
        "hwgen/ops/{}.py",
        "rtl_templates/*/{}.py",
        "hls/include/hwgen/{}.hpp",
        "sim/benches/{}.py",
        "tests/ops/test_{}.py",
        "tests/cosim/test_{}.py",
    ],
)
def test_every_floor_has_its_file(name, path):
    assert list(ROOT.glob(path.format(name)))


@pytest.mark.parametrize("name", op_names())
def test_the_arithmetic_is_documented(name):
    table = (ROOT / "docs/arithmetic.md").read_text(encoding="utf-8").split("## The ops")[1]
    first_cells = re.findall(r"^\| ([^|]+) \|", table.split("## ")[0], flags=re.MULTILINE)
    assert name in ", ".join(first_cells).split(", ")


def test_the_graphs_of_all_ops_have_every_op():
    assert {layer["op"] for layer in (*LAYERS, *SEQUENCE_LAYERS)} == set(op_names())


def test_random_specs_draw_every_op():
    assert set(random_specs.DRAWN_OPS) == set(op_names())


@pytest.mark.parametrize("name", op_names())
def test_the_example_is_legal_after_a_layer_named_x(name):
    layer = yaml.safe_load(get_op(name).example)
    legal = []
    for shape in ((4, 6, 6), (6, 8), (12,)):
        with suppress(ParamError):
            legal.append(make_graph({"x": shape}, [layer]).nodes[0].op)
    assert set(legal) == {name}
