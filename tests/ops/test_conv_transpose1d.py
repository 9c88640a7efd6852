import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from hwgen.ops.transposed import phases_of
from support.op_cases import cases, check_accumulator, check_close, check_walk, each
from support.walk import requantise

OP = get_op("conv_transpose1d")


def sides(keys):
    padding = keys.get("padding", 0)
    return (padding, padding) if isinstance(padding, int) else tuple(padding)


def length(tokens, keys):
    full = (tokens - 1) * keys["stride"] + keys["kernel"]
    return full - sum(sides(keys)) + keys.get("output_padding", 0)


def terms(tokens, keys):
    """Yield (token of the result, token, index in the kernel) of every product."""
    before, _ = sides(keys)
    for i, j in each((tokens, keys["kernel"])):
        n = i * keys["stride"] + j - before
        if 0 <= n < length(tokens, keys):
            yield n, i, j


@st.composite
def transpose_cases(draw):
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    tokens, features = draw(st.integers(1, 6)), groups * draw(st.integers(1, 3))
    stride, kernel = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    most = (kernel - 1) // 2
    keys = {
        "channels": groups * draw(st.integers(1, 3)),
        "kernel": kernel,
        "stride": stride,
        "groups": groups,
        "padding": draw(
            st.integers(0, most) | st.lists(st.integers(0, most), min_size=2, max_size=2)
        ),
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from(["none", "relu"])),
    }
    keys["output_padding"] = -length(tokens, keys) % stride
    return keys, draw(cases("conv_transpose1d", keys, [(tokens, features)]))


@settings(max_examples=80, deadline=None)
@given(transpose_cases())
def test_real_equals_what_each_token_adds(drawn):
    keys, case = drawn
    got = OP.real(case.params, case.real_inputs, case.weights)
    weight = case.weights["weight"].tolist()
    bias = case.weights.get("bias", np.zeros(keys["channels"])).tolist()
    tokens, features = case.shapes[0]
    for sample in range(2):
        data = case.real_inputs[0][sample].tolist()
        total = [list(bias) for _ in range(length(tokens, keys))]
        for n, i, j in terms(tokens, keys):
            for c, o in each((features, keys["channels"])):
                group, output = divmod(o, keys["channels"] // keys["groups"])
                if c // (features // keys["groups"]) == group:
                    total[n][o] += data[i][c] * weight[c][output][j]
        wanted = np.maximum(total, 0.0) if keys["activation"] == "relu" else np.array(total)
        assert got[sample] == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(transpose_cases())
def test_codes_equal_what_each_token_adds(drawn):
    """Codes of the weights are found by the phase of their index; outside is the zero point."""
    keys, case = drawn
    (tokens, features), channels, stride = case.shapes[0], keys["channels"], keys["stride"]
    before, zero = sides(keys)[0], case.types[0].zero_point
    phases = phases_of(keys["kernel"], stride, before, halves=keys["groups"] == 1)
    inputs = features // keys["groups"]
    codes = case.lowered.constants["weight"]
    assert codes.shape[0] == stride * channels
    bias = case.lowered.constants["bias"].tolist()
    place = {
        index: (phase, tap)
        for phase, sources in enumerate(phases.sources)
        for tap, index in sources
    }
    assert sorted(place) == list(range(keys["kernel"]))
    for index, (phase, _) in place.items():
        assert index % stride == (phase + before) % stride
    got = OP.integer(case.lowered, case.codes)
    for sample in range(2):
        data = case.codes[0][sample].tolist()
        seen = {}
        for n, i, j in terms(tokens, keys):
            seen.setdefault(n, {})[j] = data[i]
        for n, o in each((length(tokens, keys), channels)):
            phase = n % stride
            row = phase * channels + o
            total = bias[row]
            for index, (owner, tap) in place.items():
                if owner == phase:
                    values = seen.get(n, {}).get(index, [zero] * features)
                    first = o // (channels // keys["groups"]) * inputs
                    values = values[first : first + inputs]
                    total += sum(v * codes[row, c, tap].item() for c, v in enumerate(values))
            assert got[sample][n][o] == requantise(total, case.lowered.requant, row)


@settings(max_examples=60, deadline=None)
@given(transpose_cases())
def test_work_walks_to_the_codes(drawn):
    check_walk(drawn[1])


@settings(max_examples=40, deadline=None)
@given(transpose_cases())
def test_accumulator_holds_every_sum(drawn):
    check_accumulator(drawn[1])


@settings(max_examples=40, deadline=None)
@given(transpose_cases())
def test_codes_are_close_to_the_real_result(drawn):
    _, case = drawn
    # Replace the weights by what their codes mean: only bias and output rounding remain.
    case.weights["weight"] = OP.rounded_weight(case.params, case.lowered)
    scale = np.array(case.lowered.attrs["weight_scale"])
    check_close(case, tolerance=0.5 * case.types[0].scale * scale.max())


@pytest.mark.parametrize(
    ("kernel", "stride", "before", "halves", "taps"),
    [
        *((4, 2, 1, 2, 2), (8, 4, 2, 2, 2), (16, 8, 4, 2, 2)),
        *((4, 2, 0, 1, 2), (3, 2, 1, 1, 2), (2, 2, 0, 1, 1)),
    ],
)
def test_no_tap_is_wasted_on_kernels_of_whole_strides(kernel, stride, before, halves, taps):
    phases = phases_of(kernel, stride, before)
    assert (phases.halves, phases.taps) == (halves, taps)


@pytest.mark.parametrize(
    ("keys", "shape", "key", "text", "hint"),
    [
        ({"kernel": 3, "stride": 2, "padding": 1}, (5, 2), "output_padding", "9 tokens", ": 1"),
        ({"kernel": 3, "padding": 3}, (5, 2), "padding", "not smaller than the kernel", "0 to 2"),
        ({"kernel": 4, "padding": 2}, (1, 2), "padding", "2\\+2 leaves 0 of 4", "less than 4"),
        ({"kernel": 3, "output_padding": 1}, (5, 2), "output_padding", "the stride 1", "0 to 0"),
        ({"kernel": 3, "groups": 2}, (5, 3), "groups", "does not divide the 3 input", ": 1, 3"),
        ({"kernel": 3}, (2, 5, 5), "", r"got \[2, 5, 5\]", "reads a sequence"),
    ],
)
def test_illegal_shapes_are_refused(keys, shape, key, text, hint):
    params = OP.Params.model_validate({"channels": 2, **keys})
    with pytest.raises(ParamError, match=text) as caught:
        OP.shape(params, [shape])
    assert caught.value.key == key
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "keys",
    [{"kernel": 0}, {"kernel": 3, "groups": 0}, {"kernel": 3, "padding": "same"}, {}],
)
def test_illegal_keys_are_refused(keys):
    with pytest.raises(ValidationError):
        OP.Params.model_validate({"channels": 2, **keys})


def test_the_integer_form_is_for_any_number_of_tokens():
    """A plan for tensors of several lengths takes it for all of them."""
    keys = {"channels": 2, "kernel": 4, "stride": 2, "padding": 1}
    params, kind = OP.Params.model_validate(keys), QType(6, True, 0.5)
    weights = {"weight": np.random.default_rng(2).standard_normal((3, 2, 4)), "bias": np.ones(2)}
    codes = np.random.default_rng(3).integers(-32, 31, (1, 5, 3))
    long, short = (
        OP.lower(params, weights, [(tokens, 3)], [kind], kind, LowerOptions(4)) for tokens in (9, 5)
    )
    assert OP.integer(long, [codes]).shape == (1, 10, 2)
    assert np.array_equal(OP.integer(long, [codes]), OP.integer(short, [codes]))
