"""What tests of ops on rows share: rows of a case, error bounds, measured noise."""

import numpy as np
from hypothesis import strategies as st

from hwgen.golden import to_stream
from hwgen.ops import LowerOptions, QType
from hwgen.ops.base import channel_axis
from hwgen.quant.execute import decode, encode
from support.op_cases import cases, shapes_of

__all__ = ["check_norm_bound", "check_rows", "check_sums", "decibels", "norm_cases", "per_row"]


@st.composite
def norm_cases(draw, name):
    """Return a Case of layer_norm or rms_norm."""
    keys = {"eps": draw(st.sampled_from([1e-12, 1e-5, 0.3]))}
    if name == "layer_norm":
        keys["bias"] = draw(st.booleans())
    return draw(cases(name, keys, [draw(shapes_of())]))


def per_row(case, batch):
    """Return samples of the case's shape as rows of channels."""
    shape = case.shapes[0]
    return to_stream(batch).reshape(-1, shape[channel_axis(shape)])


def check_rows(case, reference):
    """Every row of codes is what the reference makes of it."""
    got = per_row(case, case.op.integer(case.lowered, case.codes))
    for codes, result in zip(per_row(case, case.codes[0]), got, strict=True):
        assert result.tolist() == reference(codes, case.lowered)


def check_sums(case):
    """The accumulator's bounds hold what the rows add up to."""
    low, high = case.op.accumulator(case.lowered, case.shapes, case.types)
    attrs = case.lowered.attrs
    for codes in per_row(case, case.codes[0]):
        row = [int(code) - attrs["zero"] for code in codes]
        squares, total = len(row) * sum(x * x for x in row), sum(row) ** 2
        assert low <= -total <= 0 <= squares + attrs["epsilon"] <= high


def check_norm_bound(case):
    """Codes are as near the real results as docs/arithmetic.md says."""
    real = per_row(case, case.op.real(case.params, case.real_inputs, case.weights))
    codes = per_row(case, case.op.integer(case.lowered, case.codes))
    for place, (wanted, got) in enumerate(zip(real, codes, strict=True)):
        ideal = np.clip(wanted / case.out.scale + case.out.zero_point, case.out.low, case.out.high)
        assert np.all(np.abs(got - ideal) <= _norm_bound(case, place) + 1e-9)


def _norm_bound(case, place):
    """Return the bound of docs/arithmetic.md on each error of a row, in codes."""
    step = case.out.scale
    plain = {"weight": np.ones_like(case.weights["weight"])}
    normal = per_row(case, case.op.real(case.params, case.real_inputs, plain))[place]
    gain = np.abs(case.weights["weight"]) / step
    shift = case.lowered.requant.shift
    reach = (np.abs(normal) + 1) * 2.0**12
    rounding = 0.5 + gain * (2.0**-13 + 2.0**-16 * np.abs(normal))
    constants = reach * 2.0 ** -(shift + 1) + 2.0 ** -(shift + 1)
    # Epsilon is rounded to 1 / n**2 of a squared code, which counts where the row is flat.
    attrs = case.lowered.attrs
    row = [int(code) - attrs["zero"] for code in per_row(case, case.codes[0])[place]]
    spread = len(row) * sum(x * x for x in row) - (attrs["centered"] and sum(row) ** 2)
    flat = gain * np.abs(normal) * (0.3 / spread if spread else 0.0)
    saturated = gain * 2.0**-12 > 1 << 16
    return np.where(saturated, np.inf, rounding + constants + flat)


def decibels(op, bits, features, outliers, seed, scale=1.0):
    """Return the signal-to-noise ratio of an op with 16-bit results, inputs as their codes say."""
    rng = np.random.default_rng(seed)
    real = rng.normal(0.3, scale, size=(1, 16, features))
    if outliers:
        real[:, :, :2] *= 20
    kind = QType(bits, True, float(np.abs(real).max()) / ((1 << (bits - 1)) - 1))
    codes = encode(real, kind)
    params = op.Params()
    shapes = op.weights(params, [(16, features)])
    weights = {name: rng.normal(name == "weight", 0.3, shape) for name, shape in shapes.items()}
    wanted = op.real(params, [decode(codes, kind)], weights)
    signed = bool(wanted.min() < 0)
    out = QType(16, signed, float(np.abs(wanted).max()) / ((1 << (16 - signed)) - 1))
    lowered = op.lower(params, weights, [(16, features)], [kind], out, LowerOptions(8))
    got = decode(op.integer(lowered, [codes]), out)
    return 10 * np.log10(np.sum(wanted**2) / np.sum((got - wanted) ** 2))
