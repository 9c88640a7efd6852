"""Random legal nodes of one op (hypothesis), and the checks that every op passes."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from hypothesis import strategies as st

from hwgen.golden import to_stream
from hwgen.ops import LowerOptions, QType, get_op
from hwgen.ops.arithmetic import bits_for
from support.walk import walk

SCALES = (1.0, 0.5, 0.0371, 1 / 15, 2.7, 1e-4)


@dataclass
class Case:
    """A node with its types, weights and codes (two samples per input)."""

    op: object
    params: object
    shapes: list
    types: list
    out: QType
    weights: dict
    lowered: object
    codes: list

    @property
    def real_inputs(self):
        return [(c - t.zero_point) * t.scale for c, t in zip(self.codes, self.types, strict=True)]


@st.composite
def qtypes(draw, widest=12):
    bits = draw(st.integers(2, widest))
    signed = draw(st.booleans())
    low = -(1 << (bits - 1)) if signed else 0
    zero_point = draw(st.sampled_from([0, 0, low, low + (1 << bits) - 1, low + (1 << bits) // 3]))
    return QType(bits, signed, draw(st.sampled_from(SCALES)), zero_point)


@st.composite
def images(draw, largest=6):
    return tuple(draw(st.integers(1, largest)) for _ in range(3))


@st.composite
def shapes_of(draw):
    """An image, a sequence or a vector."""
    sequences = st.tuples(st.integers(1, 5), st.integers(1, 12))
    return draw(st.one_of(images(5), sequences, st.tuples(st.integers(1, 20))))


@st.composite
def cases(draw, name, keys, shapes, same_type=False, widest=12):
    """Return a Case of op ``name``; ``keys`` and ``shapes`` are drawn already."""
    op = get_op(name)
    params = op.Params.model_validate(keys)
    out_shape = op.shape(params, shapes)
    types = [kind or draw(qtypes(widest)) for kind in op.in_types(params, shapes)]
    if same_type:
        types = types[:1] * len(shapes)
    proposed = draw(st.sampled_from([types[0], draw(qtypes())]))
    out = op.out_type(params, types, proposed, shapes)
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    weights = {k: random.standard_normal(s) for k, s in op.weights(params, shapes).items()}
    if "weight" in weights and draw(st.booleans()):
        weights["weight"][0] = 0.0
    options = LowerOptions(draw(st.sampled_from([2, 3, 4, 8, 12])))
    lowered = op.lower(params, weights, shapes, types, out, options)
    codes = []
    for shape, kind in zip(shapes, types, strict=True):
        mode = draw(st.sampled_from(["uniform", "low", "high", "ends"]))
        low, high = kind.low, kind.high
        array = random.integers(low, high, size=(2, *shape), endpoint=True)
        if mode in ("low", "high"):
            array[:] = low if mode == "low" else high
        elif mode == "ends":
            array = np.where(random.random((2, *shape)) < 0.5, low, high)
        codes.append(array.astype(np.int64))
    case = Case(op, params, shapes, types, out, weights, lowered, codes)
    check_shapes(case, out_shape)
    return case


def check_shapes(case, out_shape):
    """Integer and real results have the shape that the op promises; codes are in their type."""
    result = case.op.integer(case.lowered, case.codes)
    assert result.dtype == np.int64
    assert result.shape == (2, *out_shape)
    assert case.op.real(case.params, case.real_inputs, case.weights).shape == (2, *out_shape)
    assert case.out.low <= result.min() <= result.max() <= case.out.high


def check_walk(case):
    """The work, walked literally over streams, gives the golden codes."""
    work = case.op.work(case.lowered, case.shapes, case.types)
    weights = None
    if work.kind == "mac":
        weights = case.op.stream_weights(case.lowered, case.shapes)
        assert weights.shape == (
            work.sets * work.channel.count * work.outputs,
            work.segments,
            work.elements,
        )
    expected = to_stream(case.op.integer(case.lowered, case.codes))
    streams = [to_stream(codes) for codes in case.codes]
    for sample in range(2):
        got = walk(work, [s[sample].tolist() for s in streams], case.lowered, weights)
        assert got == expected[sample].tolist()
        assert len(got) == work.results


def check_close(case, tolerance=0.0):
    """Codes are within half a step of the real result, plus the multiplier's relative error.

    ``tolerance`` is the error that rounding of weights and bias may add, in real units.
    """
    real = case.op.real(case.params, case.real_inputs, case.weights)
    codes = case.op.integer(case.lowered, case.codes)
    ideal = np.clip(real / case.out.scale + case.out.zero_point, case.out.low, case.out.high)
    bound = 0.5 + tolerance / case.out.scale + multiplier_error(case)
    assert np.all(np.abs(codes - ideal) <= bound + 1e-9)


def multiplier_error(case):
    """Return a bound of what 16-bit multipliers cost, in output codes."""
    requant = case.lowered.requant
    if requant is None or requant.identity:
        return 0.0
    bounds = case.op.accumulator(case.lowered, case.shapes, case.types)
    if bounds is None or len(case.types) > 1:
        reach = sum(2 * (1 << kind.bits) for kind in case.types)
    else:
        reach = max(abs(bounds[0]), abs(bounds[1])) * 2
    saturated = float(requant.multiplier.max()) >= (1 << 16) - 1
    return float("inf") if saturated else reach * 2.0 ** -(requant.shift + 1)


def check_accumulator(case):
    """The interval contains the sums of the codes that reach furthest, found by brute force."""
    low, high = case.op.accumulator(case.lowered, case.shapes, case.types)
    weight = case.lowered.constants["weight"].reshape(case.lowered.constants["weight"].shape[0], -1)
    kind = case.types[0]
    for row, bias in zip(weight.tolist(), case.lowered.constants["bias"].tolist(), strict=True):
        largest = bias + sum(max(w * kind.low, w * kind.high) for w in row)
        smallest = bias + sum(min(w * kind.low, w * kind.high) for w in row)
        assert low <= smallest <= largest <= high
    # The width is the narrowest: one bit less does not hold both ends.
    bits = bits_for(low, high)
    assert -(1 << (bits - 1)) <= low <= high < 1 << (bits - 1)
    assert bits == 1 or not (-(1 << (bits - 2)) <= low <= high < 1 << (bits - 2))


def each(shape):
    """Return every index of a shape."""
    return product(*(range(n) for n in shape))
