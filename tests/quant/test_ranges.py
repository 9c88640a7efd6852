import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import QType
from hwgen.quant.execute import decode, encode
from hwgen.quant.ranges import Histogram, choose_type


def error(values, kind):
    return float(np.sum((decode(encode(values, kind), kind) - values) ** 2))


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("shape", ["normal", "uniform", "laplace", "relu"])
def test_the_search_beats_the_full_range(bits, symmetric, shape):
    random = np.random.default_rng(bits)
    values = {
        "normal": random.standard_normal(4000),
        "uniform": random.uniform(-1, 2, 4000),
        "laplace": random.laplace(size=4000),
        "relu": np.maximum(random.standard_normal(4000), 0),
    }[shape]
    kind = choose_type(Histogram.of(values), bits, symmetric=symmetric)
    assert kind.bits == bits
    if shape == "relu":
        full = QType(bits, False, values.max() / ((1 << bits) - 1))
    elif symmetric:
        full = QType(bits, True, np.abs(values).max() / ((1 << (bits - 1)) - 1))
    else:
        scale = (values.max() - values.min()) / ((1 << bits) - 1)
        full = QType(bits, False, scale, round(-values.min() / scale))
    # A histogram stands for the values: allow it 2 %.
    assert error(values, kind) <= 1.02 * error(values, full)


@settings(max_examples=60)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
    st.integers(2, 16),
    st.booleans(),
)
def test_any_values_have_a_legal_type(values, bits, symmetric):
    array = np.array(values)
    kind = choose_type(Histogram.of(array), bits, symmetric=symmetric)
    assert kind.bits == bits
    assert kind.scale > 0
    assert kind.low <= kind.zero_point <= kind.high
    assert kind.signed == (symmetric and min(values) < 0)
    codes = encode(array, kind)
    assert kind.low <= codes.min() <= codes.max() <= kind.high
    # Zero is exact, so that padding and ReLU are.
    assert decode(encode(np.zeros(1), kind), kind)[0] == 0.0


def test_a_histogram_keeps_count_and_mean():
    values = np.random.default_rng(0).standard_normal((7, 3, 5))
    histogram = Histogram.of(values)
    assert histogram.counts.sum() == values.size
    assert histogram.counts @ histogram.centers == pytest.approx(values.sum())
    assert (histogram.low, histogram.high) == (values.min(), values.max())


def test_encode_rounds_half_up_and_saturates():
    kind = QType(4, True, 0.5, 1)
    real = np.array([0.0, 0.25, -0.25, 0.75, 1e30, -1e30])
    assert encode(real, kind).tolist() == [1, 2, 1, 3, 7, -8]
