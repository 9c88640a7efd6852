import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, QType, get_op
from support.op_cases import cases, check_walk, each, images

OP = get_op("max_pool2d")


@st.composite
def pool_cases(draw, name="max_pool2d"):
    shape = draw(images(7))
    kernel = [draw(st.integers(1, n)) for n in shape[1:]]
    keys = {"kernel": kernel}
    if draw(st.booleans()):
        keys["stride"] = [draw(st.integers(1, 3)), draw(st.integers(1, 3))]
    return keys, draw(cases(name, keys, [shape]))


def windows(keys, data):
    """Yield (index of the result, values under the window) by plain loops."""
    (kh, kw), (sh, sw) = keys["kernel"], keys.get("stride", keys["kernel"])
    channels, height, width = len(data), len(data[0]), len(data[0][0])
    for c in range(channels):
        for i, top in enumerate(range(0, height - kh + 1, sh)):
            for j, left in enumerate(range(0, width - kw + 1, sw)):
                yield (c, i, j), [data[c][top + y][left + x] for y, x in each((kh, kw))]


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_codes_and_reals_equal_nested_loops(drawn):
    keys, case = drawn
    codes = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for sample in range(2):
        found = dict(windows(keys, case.codes[0][sample].tolist()))
        assert len(found) == codes[sample].size
        for index, values in found.items():
            assert codes[sample][index] == max(values)
        for index, values in windows(keys, case.real_inputs[0][sample].tolist()):
            assert real[sample][index] == max(values)


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_work_walks_to_the_codes(drawn):
    check_walk(drawn[1])


def test_codes_keep_their_type():
    kind = QType(5, True, 0.25, 3)
    params = OP.Params.model_validate({"kernel": 2})
    assert OP.out_type(params, [kind], QType(8, True, 1.0), [(1, 4, 4)]) == kind


def test_a_kernel_larger_than_the_input_is_refused():
    params = OP.Params.model_validate({"kernel": [2, 5]})
    with pytest.raises(ParamError, match="a kernel of width 5 does not fit an input of width 4"):
        OP.shape(params, [(1, 4, 4)])
