import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, QType, get_op
from support.op_cases import cases, check_walk

OP = get_op("max_pool1d")


@st.composite
def pool_cases(draw, name="max_pool1d"):
    tokens, features = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    keys = {"kernel": draw(st.integers(1, tokens))}
    if draw(st.booleans()):
        keys["stride"] = draw(st.integers(1, 4))
    return keys, draw(cases(name, keys, [(tokens, features)]))


def windows(keys, data):
    """Return the values under each window by (token, feature), by plain loops."""
    kernel, stride = keys["kernel"], keys.get("stride", keys["kernel"])
    return {
        (t, c): [data[start + k][c] for k in range(kernel)]
        for t, start in enumerate(range(0, len(data) - kernel + 1, stride))
        for c in range(len(data[0]))
    }


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_codes_and_reals_equal_loops(drawn):
    keys, case = drawn
    codes = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for sample in range(2):
        found = windows(keys, case.codes[0][sample].tolist())
        assert len(found) == codes[sample].size
        for index, values in found.items():
            assert codes[sample][index] == max(values)
        for index, values in windows(keys, case.real_inputs[0][sample].tolist()).items():
            assert real[sample][index] == max(values)


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_work_walks_to_the_codes(drawn):
    check_walk(drawn[1])


def test_codes_keep_their_type():
    kind = QType(5, True, 0.25, 3)
    params = OP.Params.model_validate({"kernel": 2})
    assert OP.out_type(params, [kind], QType(8, True, 1.0), [(4, 4)]) == kind


@pytest.mark.parametrize(
    ("shape", "key", "text"),
    [
        ((4, 9), "kernel", "a kernel of length 5 does not fit an input of length 4"),
        ((1, 9, 9), "", r"needs an input of shape \(tokens, features\), got \[1, 9, 9\]"),
    ],
)
def test_illegal_shapes_are_refused(shape, key, text):
    with pytest.raises(ParamError, match=text) as caught:
        OP.shape(OP.Params.model_validate({"kernel": 5}), [shape])
    assert caught.value.key == key
    assert caught.value.hint
