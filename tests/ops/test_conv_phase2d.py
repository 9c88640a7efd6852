from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, get_op
from hwgen.ops.transposed import phases_of
from support.op_cases import cases, check_accumulator, check_close, check_walk, each
from support.walk import requantise

OP = get_op("conv_phase2d")


@st.composite
def phase_cases(draw):
    channels, height, width = (draw(st.integers(1, 4)) for _ in range(3))
    kernel = [draw(st.integers(1, 3)), draw(st.integers(1, 6))]
    stride = draw(st.integers(1, 4))
    groups = draw(st.integers(1, 3)) if stride == 1 else 1
    keys = {
        "channels": groups * draw(st.integers(1, 3)),
        "kernel": kernel,
        "rows": draw(st.integers(1, 5)),
        "columns": stride * draw(st.integers(1, width + 2)),
        "lead": draw(st.integers(0, 2)),
        "left": draw(st.integers(0, kernel[1])),
        "stride": stride,
        "groups": groups,
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from(["none", "relu"])),
    }
    shape = (groups * channels, height, width)
    return keys, draw(cases("conv_phase2d", keys, [shape]))


def products(shape, keys, n):
    """Yield (input row offset, kernel row, column, kernel column) of column ``n`` of a result."""
    for m, i, j in each((keys["kernel"][0], shape[2], keys["kernel"][1])):
        if i * keys["stride"] + j == n + keys["left"]:
            yield keys["lead"] - m, m, i, j


def read_by(shape, keys, o):
    """Return (input channel, output channel in its group) of what output channel ``o`` reads."""
    inputs, outputs = shape[0] // keys["groups"], keys["channels"] // keys["groups"]
    group, own = divmod(o, outputs)
    return [(group * inputs + c, own) for c in range(inputs)]


@settings(max_examples=50, deadline=None)
@given(phase_cases())
def test_real_equals_loops(drawn):
    keys, case = drawn
    (_, height, _), weight = case.shapes[0], case.weights["weight"]
    bias = case.weights.get("bias", np.zeros(keys["channels"])).tolist()
    got = OP.real(case.params, case.real_inputs, case.weights)
    for sample, o, q, n in each((2, keys["channels"], keys["rows"], keys["columns"])):
        data, total = case.real_inputs[0][sample], bias[o]
        for offset, m, i, j in products(case.shapes[0], keys, n):
            if 0 <= q + offset < height:
                for c, own in read_by(case.shapes[0], keys, o):
                    total += data[c, q + offset, i] * weight[c, own, m, j]
        wanted = max(total, 0.0) if keys["activation"] == "relu" else total
        assert got[sample][o, q, n] == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(phase_cases())
def test_codes_equal_loops(drawn):
    """An element outside is the zero point; which weights there are, the phase decides."""
    keys, case = drawn
    (_, height, width), stride = case.shapes[0], keys["stride"]
    rows, left, zero = keys["kernel"][0], keys["left"], case.types[0].zero_point
    phases = phases_of(keys["kernel"][1], stride, left)
    codes, bias = case.lowered.constants["weight"], case.lowered.constants["bias"].tolist()
    got = OP.integer(case.lowered, case.codes)
    for sample in range(2):
        data = case.codes[0][sample]
        for o, q, n in each((keys["channels"], keys["rows"], keys["columns"])):
            row = n % stride * keys["channels"] + o
            total = bias[row]
            for tap, j in phases.sources[n % stride]:
                i, rest = divmod(n + left - j, stride)
                assert rest == 0
                reads = enumerate(read_by(case.shapes[0], keys, o))
                for m, (k, (c, _)) in product(range(rows), list(reads)):
                    y = q + keys["lead"] - m
                    inside = 0 <= y < height and 0 <= i < width
                    value = data[c, y, i].item() if inside else zero
                    total += value * codes[row, k, rows - 1 - m, tap].item()
            assert got[sample][o, q, n] == requantise(total, case.lowered.requant, row)


@settings(max_examples=50, deadline=None)
@given(phase_cases())
def test_work_walks_to_the_codes(drawn):
    check_walk(drawn[1])


@settings(max_examples=30, deadline=None)
@given(phase_cases())
def test_accumulator_holds_every_sum(drawn):
    check_accumulator(drawn[1])


@settings(max_examples=30, deadline=None)
@given(phase_cases())
def test_codes_are_close_to_the_real_result(drawn):
    _, case = drawn
    # Replace the weights by what their codes mean: only bias and output rounding remain.
    case.weights["weight"] = OP.rounded_weight(case.params, case.lowered)
    scale = np.array(case.lowered.attrs["weight_scale"])
    check_close(case, tolerance=0.5 * case.types[0].scale * scale.max())


@pytest.mark.parametrize(
    ("keys", "key", "text"),
    [
        ({"columns": 7, "stride": 2}, "columns", "7 columns is no whole number of strides of 2"),
        ({"columns": 8, "stride": 2, "groups": 2}, "stride", "one after the other"),
        ({"columns": 8, "groups": 3}, "groups", "does not divide the 4 input channels"),
    ],
)
def test_illegal_shapes_are_refused(keys, key, text):
    params = OP.Params.model_validate({"channels": 2, "kernel": [2, 3], "rows": 4, **keys})
    with pytest.raises(ParamError, match=text) as caught:
        OP.shape(params, [(4, 4, 4)])
    assert caught.value.key == key
    assert caught.value.hint
