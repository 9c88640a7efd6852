import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.errors import SpecError
from hwgen.golden import encode_inputs, random_inputs, run
from hwgen.ops import LowerOptions, ParamError, QType, get_op
from hwgen.quant import quantize
from support.graphs import make_graph, make_spec
from support.op_cases import cases, check_walk

OP = get_op("embedding")
LAYER = {"name": "e", "op": "embedding", "in": "ids", "vocabulary": 20, "features": 4}


@st.composite
def embedding_cases(draw):
    tokens = draw(st.integers(1, 8))
    keys = {
        "vocabulary": draw(st.integers(2, 40)),
        "features": draw(st.integers(1, 6)),
        "positions": draw(st.booleans()),
    }
    if keys["positions"] and draw(st.booleans()):
        keys["max_positions"] = tokens + draw(st.integers(0, 3))
    return draw(cases("embedding", keys, [(tokens,)]))


@settings(max_examples=60, deadline=None)
@given(embedding_cases())
def test_rows_are_those_of_the_ids(case):
    """Half a step of error for the row, another half for its position."""
    out = case.out
    got = OP.integer(case.lowered, case.codes)
    most = 1.0 if case.params.positions else 0.5
    for sample, ids in enumerate(case.codes[0].tolist()):
        for token, number in enumerate(ids):
            row = case.weights["weight"][number].copy()
            if case.params.positions:
                row += case.weights["position"][token]
                reach = np.abs(case.weights["weight"]).max() / out.scale
                if reach > min(out.high - out.zero_point, out.zero_point - out.low):
                    continue  # a row that saturates by itself
            ideal = np.clip(row / out.scale + out.zero_point, out.low, out.high)
            assert np.all(np.abs(got[sample, token] - ideal) <= most + 1e-9)


@settings(max_examples=60, deadline=None)
@given(embedding_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


@settings(max_examples=30, deadline=None)
@given(embedding_cases())
def test_accumulator_holds_every_sum(case):
    bounds = OP.accumulator(case.lowered, case.shapes, case.types)
    assert (bounds is None) == (not case.params.positions)
    if bounds is None:
        return
    table, position = (case.lowered.constants[name] for name in ("table", "position"))
    sums = table[:, None] + position[None]
    assert bounds[0] <= min(sums.min(), table.min())
    assert max(sums.max(), table.max()) <= bounds[1]


def test_ids_need_no_calibration():
    graph = make_graph({"ids": (6,)}, [LAYER])
    qgraph = quantize(graph, make_spec(graph))

    assert qgraph.tensor("ids").type == QType(5, signed=False, scale=1.0, count=20)
    codes = random_inputs(qgraph, 50, seed=1)["ids"]
    assert (codes.min(), codes.max()) == (0, 19)
    with pytest.raises(SpecError, match="codes from 20 to 20") as error:
        run(qgraph, {"ids": np.full((1, 6), 20)})
    assert error.value.diagnostics[0].code == "HG309"
    assert "0 to 19" in error.value.diagnostics[0].hint


@pytest.mark.parametrize("value", [20.0, -1.0, 2.5])
def test_data_that_is_no_id_is_refused(value):
    graph = make_graph({"ids": (6,)}, [LAYER])
    qgraph = quantize(graph, make_spec(graph))
    real = np.zeros((3, 6))
    real[1, 4] = value

    with pytest.raises(SpecError, match=r"at \[1, 4\], which is no id") as error:
        encode_inputs(qgraph, {"ids": real})
    assert error.value.diagnostics[0].code == "HG312"


def test_ids_of_two_vocabularies_are_in_the_smaller_one():
    layers = [LAYER, {**LAYER, "name": "f", "vocabulary": 7}]
    graph = make_graph({"ids": (6,)}, layers, outputs=("e", "f"))

    assert quantize(graph, make_spec(graph)).tensor("ids").type.count == 7


def test_the_hardware_takes_the_last_row_beyond_the_table():
    params = OP.Params.model_validate({"vocabulary": 3, "features": 2})
    out = QType(8, True, 0.5)
    weights = {"weight": np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])}
    lowered = OP.lower(params, weights, [(2,)], [QType(2, False, 1.0)], out, LowerOptions(8))

    assert OP.integer(lowered, [np.array([[1, 3]])]).tolist() == [[[4, 6], [8, 10]]]


def test_numbers_are_no_ids():
    params = OP.Params.model_validate({"vocabulary": 3, "features": 2})
    with pytest.raises(ParamError, match=r"steps of 0\.25"):
        OP.lower(params, {}, [(2,)], [QType(4, False, 0.25)], QType(8, True, 1.0), LowerOptions(8))


@pytest.mark.parametrize(
    ("keys", "shape", "key", "message"),
    [
        ({}, (2, 3), "in", r"ids of shape \(tokens,\), got \[2, 3\]"),
        ({"max_positions": 4}, (3,), "max_positions", "no positions are added"),
        ({"positions": True, "max_positions": 4}, (5,), "max_positions", "5 tokens, but position"),
    ],
)
def test_shapes_that_are_refused(keys, shape, key, message):
    params = OP.Params.model_validate({"vocabulary": 3, "features": 2, **keys})
    with pytest.raises(ParamError, match=message) as error:
        OP.shape(params, [shape])
    assert error.value.key == key
