import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from support.op_cases import cases, check_accumulator, check_close, check_walk, each
from support.walk import reflected, requantise

OP = get_op("conv1d")


def convolve(data, weight, bias, keys, fill):
    """Return one sample's sums by loops over tokens, outputs, taps; for int and float alike."""
    kernel, stride, dilation = keys["kernel"], keys["stride"], keys["dilation"]
    tokens, groups = len(data), keys["groups"]
    inputs, outputs = len(data[0]) // groups, len(weight) // groups
    before, count = placed(tokens, keys)
    result = {}
    for t, o in each((count, len(weight))):
        total = bias[o]
        for j, c in each((kernel, inputs)):
            place = t * stride + j * dilation - before
            if keys["padding_mode"] == "reflect":
                place = reflected(place, tokens)
            feature = o // outputs * inputs + c
            total += (data[place][feature] if 0 <= place < tokens else fill) * weight[o][c][j]
        result[t, o] = total
    return result, (count, len(weight))


def placed(tokens, keys):
    """Return the tokens of padding before the first one, and the windows."""
    padding, last = keys["padding"], (keys["kernel"] - 1) * keys["dilation"]
    if padding == "same":
        count = -(-tokens // keys["stride"])
        return max(0, (count - 1) * keys["stride"] + last + 1 - tokens) // 2, count
    if isinstance(padding, int):
        padding = [padding, padding]
    before, after = {"valid": (0, 0), "causal": (last, 0)}.get(str(padding), padding)
    return before, len(range(-before, tokens + after - last, keys["stride"]))


@st.composite
def keys_and_shape(draw):
    tokens, groups = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    kernel, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    extent = (kernel - 1) * dilation + 1
    sides = st.integers(0, extent - 1)
    keys = {
        "channels": groups * draw(st.integers(1, 3)),
        "kernel": kernel,
        "stride": draw(st.integers(1, 4)),
        "dilation": dilation,
        "padding": draw(
            st.one_of(
                st.sampled_from(["valid", "same", "causal"]),
                sides,
                st.tuples(sides, sides).map(list),
            )
        ),
        "groups": groups,
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from(["none", "relu"])),
    }
    if placed(tokens, keys)[1] < 1:
        keys["padding"] = "causal"
    modes = ["zero", "reflect"] if extent <= tokens else ["zero"]
    keys["padding_mode"] = draw(st.sampled_from(modes))
    return keys, (tokens, groups * draw(st.integers(1, 3)))


@st.composite
def conv_cases(draw):
    keys, shape = draw(keys_and_shape())
    return keys, draw(cases("conv1d", keys, [shape]))


@settings(max_examples=60, deadline=None)
@given(conv_cases())
def test_codes_equal_loops(drawn):
    keys, case = drawn
    weight = case.lowered.constants["weight"].tolist()
    bias = case.lowered.constants["bias"].tolist()
    got = case.op.integer(case.lowered, case.codes)
    for sample in range(2):
        data = case.codes[0][sample].tolist()
        sums, shape = convolve(data, weight, bias, keys, case.types[0].zero_point)
        assert got[sample].shape == shape
        for (t, o), acc in sums.items():
            assert got[sample][t, o] == requantise(acc, case.lowered.requant, o)


@settings(max_examples=40, deadline=None)
@given(conv_cases())
def test_real_equals_loops(drawn):
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


@settings(max_examples=40, deadline=None)
@given(conv_cases())
def test_accumulator_holds_every_sum(drawn):
    check_accumulator(drawn[1])


@settings(max_examples=40, deadline=None)
@given(conv_cases())
def test_codes_are_close_to_the_real_result(drawn):
    _, case = drawn
    # Replace the weights by what their codes mean: only bias and output rounding remain.
    scale = np.array(case.lowered.attrs["weight_scale"])
    case.weights["weight"] = case.lowered.constants["weight"] * scale[:, None, None]
    check_close(case, tolerance=0.5 * case.types[0].scale * scale.max())


def test_causal_results_do_not_see_later_tokens():
    keys = {"channels": 2, "kernel": 3, "dilation": 2, "padding": "causal", "bias": False}
    params = OP.Params.model_validate(keys)
    weights = {"weight": np.ones((2, 1, 3))}
    impulse = np.zeros((1, 8, 1))
    impulse[0, 3] = 1.0
    result = OP.real(params, [impulse], weights)[0, :, 0]
    assert result.tolist() == [0, 0, 0, 1, 0, 1, 0, 1]


def test_a_kernel_longer_than_the_sequence_sees_padding():
    params = OP.Params.model_validate({"channels": 1, "kernel": 9, "padding": "causal"})
    weights = {"weight": np.zeros((1, 1, 9)), "bias": np.array([0.75])}
    kind, out = QType(4, False, 0.1), QType(8, True, 0.01)
    lowered = OP.lower(params, weights, [(1, 1)], [kind], out, LowerOptions(4))
    assert OP.integer(lowered, [np.full((1, 1, 1), 15)]).ravel().tolist() == [75]


@pytest.mark.parametrize(
    ("keys", "shape", "key", "text"),
    [
        ({"channels": 4, "kernel": 3, "groups": 3}, (5, 4), "groups", "does not divide the 4"),
        ({"channels": 5, "kernel": 3, "groups": 2}, (5, 4), "groups", "the 5 output channels"),
        ({"channels": 4, "kernel": 6}, (5, 1), "kernel", "length 6 does not fit an input of"),
        ({"channels": 4, "kernel": 3, "dilation": 3}, (6, 1), "kernel", "dilation 3 does not fit"),
        (
            {"channels": 4, "kernel": 3, "dilation": 2, "padding": 5},
            (5, 1),
            "padding",
            "kernel's 5",
        ),
        ({"channels": 4, "kernel": 3, "padding": [0, 3]}, (5, 1), "padding", "not smaller"),
        (
            {"channels": 4, "kernel": 4, "padding": "causal", "padding_mode": "reflect"},
            (3, 1),
            "padding_mode",
            "padding 3 along the length reflects more than the 2 elements",
        ),
        ({"channels": 4, "kernel": 3}, (4, 5, 5), "", r"got \[4, 5, 5\]"),
    ],
)
def test_illegal_shapes_are_refused(keys, shape, key, text):
    params = OP.Params.model_validate(keys)
    with pytest.raises(ParamError, match=text) as caught:
        OP.shape(params, [shape])
    assert caught.value.key == key
    assert caught.value.hint


def test_the_hint_names_the_largest_kernel():
    params = OP.Params.model_validate({"channels": 4, "kernel": 4, "dilation": 3})
    with pytest.raises(ParamError) as caught:
        OP.shape(params, [(9, 1)])
    assert caught.value.hint == "at most 3"
    assert OP.shape(params.model_copy(update={"kernel": 3}), [(9, 1)]) == (3, 4)


@pytest.mark.parametrize(
    "keys",
    [
        {"channels": 0, "kernel": 3},
        {"channels": 4, "kernel": [3]},
        {"channels": 4, "kernel": 3, "stride": 0},
        {"channels": 4, "kernel": 3, "dilation": -1},
        {"channels": 4, "kernel": 3, "padding": "full"},
        {"channels": 4, "kernel": 3, "padding": -1},
        {"channels": 4, "kernel": 3, "padding": [1]},
        {"channels": 4, "kernel": 3, "padding": [[1, 1], [0, 0]]},
        {"channels": 4},
    ],
)
def test_illegal_keys_are_refused(keys):
    with pytest.raises(ValidationError):
        OP.Params.model_validate(keys)
