import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, QType, get_op
from support.op_cases import cases, check_walk, images

OP = get_op("upsample1d")


@st.composite
def upsample_cases(draw):
    keys = {"factor": draw(st.integers(1, 5))}
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    if draw(st.booleans()):
        shape = draw(images(5))
        keys["axis"] = draw(st.sampled_from(["height", "width"]))
    return keys, draw(cases("upsample1d", keys, [shape]))


def repeated(keys, data):
    """Return nested lists with one axis repeated."""
    depth = {"tokens": 0, "height": 1, "width": 2}[keys.get("axis", "tokens")]

    def at(part, level):
        if level == depth:
            return [item for item in part for _ in range(keys["factor"])]
        return [at(item, level + 1) for item in part]

    return at(data, 0)


@settings(max_examples=50, deadline=None)
@given(upsample_cases())
def test_each_run_is_repeated(drawn):
    keys, case = drawn
    codes = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for sample in range(2):
        assert codes[sample].tolist() == repeated(keys, case.codes[0][sample].tolist())
        assert real[sample].tolist() == repeated(keys, case.real_inputs[0][sample].tolist())


@settings(max_examples=50, deadline=None)
@given(upsample_cases())
def test_work_walks_to_the_codes(drawn):
    check_walk(drawn[1])


def test_codes_keep_their_type():
    kind = QType(5, True, 0.25, 3)
    params = OP.Params.model_validate({"factor": 2})
    assert OP.out_type(params, [kind], QType(8, True, 1.0), [(4, 4)]) == kind


@pytest.mark.parametrize(
    ("axis", "shape", "hint"),
    [
        ("tokens", (1, 4, 4), "height or width"),
        ("width", (4, 4), "axis: tokens"),
        ("height", (4,), "an image or a sequence"),
    ],
)
def test_an_axis_that_is_not_there_is_refused(axis, shape, hint):
    params = OP.Params.model_validate({"factor": 2, "axis": axis})
    with pytest.raises(ParamError, match=f"along {axis}") as caught:
        OP.shape(params, [shape])
    assert caught.value.key == "axis"
    assert hint in caught.value.hint
