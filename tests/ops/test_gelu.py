from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from support.op_cases import cases, check_walk, shapes_of

OP = get_op("gelu")
NORMAL = NormalDist()


@st.composite
def gelu_cases(draw):
    keys = {"approximate": draw(st.sampled_from(["none", "tanh"]))}
    return draw(cases("gelu", keys, [draw(shapes_of())], widest=10))


def params(approximate="none"):
    return OP.Params.model_validate({"approximate": approximate})


@settings(max_examples=60, deadline=None)
@given(gelu_cases())
def test_every_code_is_the_one_nearest_to_the_unit(case):
    kind, out = case.types[0], case.out
    form = {"none": lambda x: x * NORMAL.cdf(x), "tanh": by_logistic}[case.params.approximate]
    got = OP.integer(case.lowered, [np.arange(kind.low, kind.high + 1)[None]])[0]
    for code, result in zip(range(kind.low, kind.high + 1), got.tolist(), strict=True):
        exact = form((code - kind.zero_point) * kind.scale) / out.scale + out.zero_point
        assert abs(result - min(max(exact, out.low), out.high)) <= 0.5 + 1e-6


@settings(max_examples=30, deadline=None)
@given(gelu_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


def by_logistic(x):
    """Gelu's approximation through the logistic function: the paper's other way to write it."""
    inner = 2 * (2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)
    return x / (1 + np.exp(-inner)) if inner > -700 else 0.0


def test_known_values():
    # From the paper's definition: x times the normal distribution's cumulative function.
    real = OP.real(params(), [np.array([[-1.0, 0.0, 1.0, 3.0]])], {})
    assert real.tolist()[0] == pytest.approx([-0.15865525, 0.0, 0.84134475, 2.99595031])
    tanh = OP.real(params("tanh"), [np.array([[-1.0, 0.0, 1.0, 3.0]])], {})
    assert tanh.tolist()[0] == pytest.approx([-0.15880801, 0.0, 0.84119199, 2.99636261])


def test_wide_codes_are_refused():
    kind = QType(11, True, 0.01)
    with pytest.raises(ParamError, match="has 11 bits") as error:
        OP.lower(params(), {}, [(4,)], [kind], kind, LowerOptions(8))
    assert "put a requantize layer before it" in error.value.hint
