import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from support.op_cases import cases, check_accumulator, check_close, check_walk, each, images
from support.walk import reflected, requantise

OP = get_op("conv2d")


def sides(padding, size, kernel, stride):
    """Return (before, after) by the textbook definition of each kind of padding."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        wanted = -(-size // stride)
        before = after = 0
        while (size + before + after - kernel) // stride + 1 < wanted or kernel > (
            size + before + after
        ):
            if after == before:
                after += 1
            else:
                before += 1
        return before, after
    return (padding, padding) if isinstance(padding, int) else tuple(padding)


def convolve(data, weight, bias, keys, fill):
    """Return one sample's sums by six nested loops; works for int and float alike."""
    two = lambda v: (v, v) if isinstance(v, int) else tuple(v)  # noqa: E731
    channels, height, width = len(data), len(data[0]), len(data[0][0])
    (kh, kw), (sh, sw), groups = two(keys["kernel"]), two(keys["stride"]), keys["groups"]
    padding = keys["padding"]
    per_axis = padding if isinstance(padding, list) else [padding, padding]
    dh, dw = two(keys["dilation"])
    eh, ew = (kh - 1) * dh + 1, (kw - 1) * dw + 1
    top, bottom = sides(per_axis[0], height, eh, sh)
    left, right = sides(per_axis[1], width, ew, sw)
    oh, ow = (height + top + bottom - eh) // sh + 1, (width + left + right - ew) // sw + 1
    result = {}
    for o, i, j in each((len(weight), oh, ow)):
        total = bias[o]
        first = o // (len(weight) // groups) * (channels // groups)
        for c, di, dj in each((channels // groups, kh, kw)):
            y, x = i * sh + di * dh - top, j * sw + dj * dw - left
            if keys["padding_mode"] == "reflect":
                y, x = reflected(y, height), reflected(x, width)
            inside = 0 <= y < height and 0 <= x < width
            total += (data[first + c][y][x] if inside else fill) * weight[o][c][di][dj]
        result[o, i, j] = total
    return result, (len(weight), oh, ow)


@st.composite
def keys_and_shape(draw):
    channels, height, width = draw(images())
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.sampled_from([1, 1, 2, 3]), st.sampled_from([1, 1, 2, 3])))
    extents = [(k - 1) * apart + 1 for k, apart in zip(kernel, dilation, strict=True)]
    kind = draw(st.sampled_from(["valid", "same", "one", "sides"]))
    padding = {
        "one": draw(st.integers(0, min(extents) - 1)),
        "sides": [[draw(st.integers(0, e - 1)), draw(st.integers(0, e - 1))] for e in extents],
    }.get(kind, kind)
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    keys = {
        "channels": groups * draw(st.integers(1, 3)),
        "kernel": list(kernel),
        "stride": list(stride),
        "dilation": list(dilation),
        "padding": padding,
        "groups": groups,
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from(["none", "relu"])),
        "padding_mode": "zero",
    }
    shape = (channels, height, width)
    try:
        OP.shape(OP.Params.model_validate(keys), [shape])
    except ParamError as error:
        assert error.key == "kernel"
        keys["padding"] = "same"
    if all(extent <= size for extent, size in zip(extents, (height, width), strict=True)):
        keys["padding_mode"] = draw(st.sampled_from(["zero", "reflect"]))
    return keys, shape


@st.composite
def conv_cases(draw):
    keys, shape = draw(keys_and_shape())
    return keys, draw(cases("conv2d", keys, [shape]))


@settings(max_examples=60, deadline=None)
@given(conv_cases())
def test_codes_equal_nested_loops(drawn):
    keys, case = drawn
    weight = case.lowered.constants["weight"].tolist()
    bias = case.lowered.constants["bias"].tolist()
    got = case.op.integer(case.lowered, case.codes)
    for sample in range(2):
        data = case.codes[0][sample].tolist()
        sums, shape = convolve(data, weight, bias, keys, case.types[0].zero_point)
        assert got[sample].shape == shape
        for index, acc in sums.items():
            assert got[sample][index] == requantise(acc, case.lowered.requant, index[0])


@settings(max_examples=40, deadline=None)
@given(conv_cases())
def test_real_equals_nested_loops(drawn):
    keys, case = drawn
    got = case.op.real(case.params, case.real_inputs, case.weights)
    bias = case.weights.get("bias", np.zeros(keys["channels"])).tolist()
    for sample in range(2):
        data = case.real_inputs[0][sample].tolist()
        sums, _ = convolve(data, case.weights["weight"].tolist(), bias, keys, 0.0)
        for index, total in sums.items():
            wanted = max(total, 0.0) if keys["activation"] == "relu" else total
            assert got[sample][index] == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(conv_cases())
def test_work_walks_to_the_codes(drawn):
    check_walk(drawn[1])


@settings(max_examples=60, deadline=None)
@given(conv_cases())
def test_accumulator_holds_every_sum(drawn):
    check_accumulator(drawn[1])


@settings(max_examples=40, deadline=None)
@given(conv_cases())
def test_codes_are_close_to_the_real_result(drawn):
    _, case = drawn
    # Replace the weights by what their codes mean: only bias and output rounding remain.
    scale = np.array(case.lowered.attrs["weight_scale"])
    codes = case.lowered.constants["weight"]
    case.weights["weight"] = codes * scale[:, None, None, None]
    check_close(case, tolerance=0.5 * case.types[0].scale * scale.max())


def test_a_channel_of_zeros_gives_its_bias():
    params = OP.Params.model_validate({"channels": 2, "kernel": 1})
    weights = {"weight": np.zeros((2, 1, 1, 1)), "bias": np.array([0.75, -0.5])}
    kind, out = QType(4, False, 0.1), QType(8, True, 0.01)
    lowered = OP.lower(params, weights, [(1, 1, 1)], [kind], out, LowerOptions(4))
    codes = OP.integer(lowered, [np.full((1, 1, 1, 1), 15)])
    assert codes.ravel().tolist() == [75, -50]


@pytest.mark.parametrize(
    ("keys", "shape", "key", "text"),
    [
        ({"channels": 4, "kernel": 3, "groups": 3}, (4, 5, 5), "groups", "does not divide the 4"),
        ({"channels": 5, "kernel": 3, "groups": 2}, (4, 5, 5), "groups", "the 5 output channels"),
        ({"channels": 4, "kernel": 6}, (1, 5, 5), "kernel", "does not fit an input of height 5"),
        ({"channels": 4, "kernel": 3, "padding": 3}, (1, 5, 5), "padding", "not smaller"),
        ({"channels": 4, "kernel": 3, "dilation": [1, 3]}, (1, 5, 6), "kernel", "dilation 3 does"),
        (
            {"channels": 4, "kernel": 5, "padding": "same", "padding_mode": "reflect"},
            (1, 5, 2),
            "padding_mode",
            "padding 2 along the width reflects more than the 1 elements",
        ),
        ({"channels": 4, "kernel": 3}, (7,), "", r"got \[7\]"),
    ],
)
def test_illegal_shapes_are_refused(keys, shape, key, text):
    params = OP.Params.model_validate(keys)
    with pytest.raises(ParamError, match=text) as caught:
        OP.shape(params, [shape])
    assert caught.value.key == key
    assert caught.value.hint


@pytest.mark.parametrize(
    "keys",
    [
        {"channels": 0, "kernel": 3},
        {"channels": 4, "kernel": [3]},
        {"channels": 4, "kernel": 3, "stride": -1},
        {"channels": 4, "kernel": 3, "padding": "full"},
        {"channels": 4, "kernel": 3, "padding_mode": "symmetric"},
        {"channels": 4, "kernel": 3, "padding": -1},
        {"channels": 4, "kernel": 3, "padding": [[1, 1]]},
        {"channels": 4, "kernel": 3, "padding": [[1, 1], [0]]},
        {"channels": 4, "kernel": 3, "activation": "gelu"},
        {"channels": 4.0, "kernel": 3},
        {"channels": True, "kernel": 3},
        {"channels": 4},
    ],
)
def test_illegal_keys_are_refused(keys):
    with pytest.raises(ValidationError):
        OP.Params.model_validate(keys)
