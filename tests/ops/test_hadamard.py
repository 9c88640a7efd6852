import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from hwgen.ops.orthogonal import factors, signs, transform
from support import rows
from support.op_cases import cases, check_walk
from support.row_cases import check_rows, per_row

OP = get_op("hadamard")


@st.composite
def hadamard_cases(draw):
    channels = draw(st.sampled_from([2, 4, 8, 12, 20, 24, 32, 40]))
    shape = draw(st.sampled_from([(channels,), (3, channels), (channels, 2, 3)]))
    return draw(cases("hadamard", {}, [shape]))


@settings(max_examples=40, deadline=None)
@given(hadamard_cases())
def test_codes_equal_plain_integers(case):
    check_rows(case, rows.transformed)


@settings(max_examples=15, deadline=None)
@given(hadamard_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


@settings(max_examples=15, deadline=None)
@given(hadamard_cases())
def test_the_result_by_the_definition(case):
    real = per_row(case, OP.real(case.params, case.real_inputs, {}))
    for row, result in zip(per_row(case, case.real_inputs[0]), real, strict=True):
        size = len(row)
        flipped = [x * int(sign) for x, sign in zip(row, signs(size), strict=True)]
        wanted = [
            sum(x * rows.hadamard_sign(size, i, j) for i, x in enumerate(flipped)) / size**0.5
            for j in range(size)
        ]
        assert result.tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-9 * np.abs(row).max())


@settings(max_examples=60, deadline=None)
@given(hadamard_cases())
def test_codes_are_within_half_a_step(case):
    real = per_row(case, OP.real(case.params, case.real_inputs, {}))
    ideal = np.clip(real / case.out.scale, case.out.low, case.out.high)
    codes = per_row(case, OP.integer(case.lowered, case.codes))
    assert np.all(np.abs(codes - ideal) <= 0.5 + 1e-6)


@settings(max_examples=20, deadline=None)
@given(hadamard_cases())
def test_accumulator_holds_the_sums_that_reach_furthest(case):
    low, high = OP.accumulator(case.lowered, case.shapes, case.types)
    kind, size = case.types[0], case.lowered.attrs["features"]
    for j in range(size):
        most = least = 0
        for i in range(size):
            sign = rows.hadamard_sign(size, i, j) * int(signs(size)[i])
            ends = sign * (kind.low - kind.zero_point), sign * (kind.high - kind.zero_point)
            most, least = most + max(ends), least + min(ends)
        assert low <= least <= most <= high


@pytest.mark.parametrize("size", [2, 12, 20, 48, 64, 80, 384, 1536])
def test_the_matrix_is_orthogonal(size):
    matrix = transform(size)
    assert np.abs(matrix @ matrix.T - np.eye(size)).max() < 1e-12
    assert np.abs(matrix) == pytest.approx(size**-0.5)


@pytest.mark.parametrize("size", [8, 12, 384])
def test_the_type_is_next_to_the_calibrated_one(size):
    kind = QType(8, True, 0.1)
    for scale in np.geomspace(1e-4, 10, 60):
        out = OP.out_type(OP.Params(), [kind], QType(4, True, float(scale)), [(size,)])
        assert (out.bits, out.signed, out.zero_point) == (4, True, 0)
        least = kind.scale / size**0.5 / 7
        assert out.scale == pytest.approx(max(scale, least), rel=0.126)
        requant = OP.lower(OP.Params(), {}, [(size,)], [kind], out, LowerOptions(8)).requant
        assert 4 <= requant.multiplier[0] <= 7
        made = kind.scale / size**0.5 / requant.multiplier[0] * 2.0**requant.shift
        assert made == pytest.approx(out.scale)


def test_an_outlier_is_spread_over_all_channels():
    kind, out = QType(8, True, 1.0), QType(16, True, 1.0)
    lowered = OP.lower(OP.Params(), {}, [(64,)], [kind], out, LowerOptions(8))
    codes = np.zeros((1, 64), dtype=np.int64)
    codes[0, 5] = 120
    assert set(np.abs(OP.integer(lowered, [codes])).ravel()) == {15}


@pytest.mark.parametrize("features", [1, 3, 6, 28, 100, 1 << 15])
def test_other_rows_are_refused(features):
    with pytest.raises(ParamError, match=f"rows of {features} elements") as caught:
        OP.shape(OP.Params(), [(2, features)])
    assert caught.value.key == "in"
    assert "12 * 2**k" in caught.value.hint


def test_factors():
    assert [factors(size) for size in (2, 12, 768, 640, 60)] == [
        (1, 1),
        (12, 0),
        (12, 6),
        (20, 5),
        None,
    ]
