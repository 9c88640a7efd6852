import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from support.op_cases import cases, check_walk, shapes_of

OP = get_op("silu")
PARAMS = OP.Params()


@st.composite
def silu_cases(draw):
    return draw(cases("silu", {}, [draw(shapes_of())], widest=10))


@settings(max_examples=60, deadline=None)
@given(silu_cases())
def test_every_code_is_the_one_nearest_to_the_unit(case):
    kind, out = case.types[0], case.out
    got = OP.integer(case.lowered, [np.arange(kind.low, kind.high + 1)[None]])[0]
    for code, result in zip(range(kind.low, kind.high + 1), got.tolist(), strict=True):
        x = (code - kind.zero_point) * kind.scale
        # The logistic function by the hyperbolic tangent, which never overflows.
        exact = x * (1 + math.tanh(x / 2)) / 2 / out.scale + out.zero_point
        assert abs(result - min(max(exact, out.low), out.high)) <= 0.5 + 1e-6


@settings(max_examples=30, deadline=None)
@given(silu_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


def test_known_values():
    real = OP.real(PARAMS, [np.array([[-1.0, 0.0, 1.0, -1000.0]])], {})
    assert real.tolist()[0] == pytest.approx([-0.26894142, 0.0, 0.73105858, 0.0])


def test_wide_codes_are_refused():
    kind = QType(16, True, 0.01)
    with pytest.raises(ParamError, match="has 16 bits"):
        OP.lower(PARAMS, {}, [(4,)], [kind], kind, LowerOptions(8))
