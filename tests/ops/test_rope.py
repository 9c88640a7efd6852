import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.golden import to_stream
from hwgen.ops import LowerOptions, ParamError, QType, get_op
from hwgen.quant import quantize
from hwgen.quant.execute import integer_node
from support.graphs import make_graph, make_spec
from support.op_cases import cases
from support.walk import walk

OP = get_op("rope")


@st.composite
def rope_cases(draw):
    heads, pairs = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    start = draw(st.sampled_from([0, 0, 3, 99_990]))
    keys = {
        "heads": heads,
        "theta": draw(st.sampled_from([10.0, 10000.0, 500000.0])),
        "style": draw(st.sampled_from(["half", "interleaved"])),
        "start": start,
        "limit": draw(st.sampled_from([None, start + 1, start + 4])),
        "running": draw(st.booleans()),
    }
    features = 2 * heads * pairs
    shape = draw(st.sampled_from([(features,), (draw(st.integers(1, 5)), features)]))
    return draw(cases("rope", keys, [shape]))


class Accumulators:
    """The definition as a machine: a phase per frequency that grows from token to token."""

    def __init__(self, params, pairs):
        self.params = params
        self.steps = [
            math.floor(params.theta ** (-i / pairs) / (2 * math.pi) * 2**32 + 0.5)
            for i in range(pairs)
        ]
        self.place = params.start
        self.phases = [params.start * step % 2**32 for step in self.steps]

    def advance(self):
        if self.params.limit is None or self.place + 1 < self.params.limit:
            self.place += 1
            self.phases = [
                (phase + step) % 2**32 for phase, step in zip(self.phases, self.steps, strict=True)
            ]

    def codes(self, pair):
        """Sine and cosine codes: those of the middle of the arc that the phase is in."""
        middle = (self.phases[pair] // 2**20 + 0.5) / 4096 * 2 * math.pi
        return tuple(
            math.copysign(math.floor(abs(value) * 2**15 + 0.5), value)
            for value in (math.sin(middle), math.cos(middle))
        )


def factors_of(case):
    """Return per sample and token the machine's (sine, cosine) of each pair."""
    pairs = case.shapes[0][-1] // (2 * case.params.heads)
    tokens = math.prod(case.shapes[0][:-1])
    machine = Accumulators(case.params, pairs)
    samples = []
    for _ in range(2):
        if not case.params.running:
            machine = Accumulators(case.params, pairs)
        sample = []
        for _ in range(tokens):
            sample.append([machine.codes(pair) for pair in range(pairs)])
            machine.advance()
        samples.append(sample)
    return samples


@settings(max_examples=80, deadline=None)
@given(rope_cases())
def test_work_walks_to_the_codes(case):
    work = OP.work(case.lowered, case.shapes, case.types)
    expected = to_stream(OP.integer(case.lowered, case.codes))
    halves = case.params.style == "half"
    for sample, tokens in enumerate(factors_of(case)):

        def turns(row, column, channel, tokens=tokens):
            second, pair = (column, channel) if halves else (channel, column)
            sine, cosine = tokens[row // case.params.heads][pair]
            return (int(sine), int(cosine)) if second else (int(cosine), -int(sine))

        stream = to_stream(case.codes[0])[sample].tolist()
        assert walk(work, [stream], case.lowered, turns=turns) == expected[sample].tolist()


@settings(max_examples=60, deadline=None)
@given(rope_cases())
def test_codes_are_close_to_the_rotation(case):
    """Half a step, and the angle's error: half an arc, and what the rounded step adds up to."""
    real = OP.real(case.params, case.real_inputs, case.weights)
    codes = OP.integer(case.lowered, case.codes)
    furthest = case.params.start + 2 * math.prod(case.shapes[0][:-1])
    angle = math.pi / 4096 + furthest * math.pi * 2**-32
    reach = max(np.abs(part).max() for part in case.real_inputs) * math.sqrt(2)
    ideal = np.clip(real / case.out.scale, case.out.low, case.out.high)
    error = 0.5 + reach * (angle + 2**-15) / case.out.scale
    assert np.all(np.abs(codes - ideal) <= error + 1e-9)


@settings(max_examples=40, deadline=None)
@given(rope_cases())
def test_rotation_in_complex_numbers(case):
    """A pair is a complex number; turning it is a multiplication by exp(i angle)."""
    heads, tokens = case.params.heads, math.prod(case.shapes[0][:-1])
    x = case.real_inputs[0].reshape(2, tokens, heads, -1)
    pairs = x.shape[-1] // 2
    if case.params.style == "half":
        numbers = x[..., :pairs] + 1j * x[..., pairs:]
    else:
        numbers = x[..., 0::2] + 1j * x[..., 1::2]
    real = OP.real(case.params, case.real_inputs, {}).reshape(x.shape)
    for sample in range(2):
        for token in range(tokens):
            place = case.params.start + token + sample * tokens * case.params.running
            if case.params.limit is not None:
                place = min(place, case.params.limit - 1)
            for i in range(pairs):
                turn = np.exp(1j * place * case.params.theta ** (-i / pairs))
                wanted = numbers[sample, token, :, i] * turn
                at = (i, i + pairs) if case.params.style == "half" else (2 * i, 2 * i + 1)
                got = real[sample, token, :, at[0]] + 1j * real[sample, token, :, at[1]]
                assert np.allclose(got, wanted, rtol=1e-9, atol=1e-9 * np.abs(x).max())


@settings(max_examples=40, deadline=None)
@given(rope_cases())
def test_accumulator_holds_the_extremes(case):
    low, high = OP.accumulator(case.lowered, case.shapes, case.types)
    kind = case.types[0]
    half = (1 << case.lowered.requant.shift) >> 1
    ends = [end - kind.zero_point for end in (kind.low, kind.high)]
    for arc in range(0, 4096, 16):
        middle = (arc + 0.5) / 4096 * 2 * math.pi
        for a in ends:
            for b in ends:
                total = a * math.cos(middle) * 2**15 - b * math.sin(middle) * 2**15
                assert low <= total <= total + half <= high


def test_position_0_changes_nothing_in_codes_of_8_bits():
    kind = QType(8, True, 0.1)
    params = OP.Params.model_validate({"heads": 1, "limit": 1})
    lowered = OP.lower(params, {}, [(2, 8)], [kind], kind, LowerOptions(8))
    codes = np.random.default_rng(1).integers(-128, 128, size=(50, 2, 8))

    assert np.array_equal(OP.integer(lowered, [codes]), codes)


def test_angles_are_exact_after_100_000_tokens():
    """Decoding: one token a tensor; the phase never drifts from position times step."""
    kind, count = QType(8, True, 0.1), 100_003
    params = OP.Params.model_validate({"heads": 1, "running": True})
    lowered = OP.lower(params, {}, [(1, 4)], [kind], kind, LowerOptions(8))
    codes = np.tile(np.array([100, -7, 0, 100]), (count, 1, 1))
    got = integer_node("rope", lowered, [codes])[:, 0]
    last = count - 1
    for pair, radians in enumerate((1.0, 0.01)):
        a, b = codes[0, 0, pair], codes[0, 0, pair + 2]
        angle = last * radians
        wanted = a * math.cos(angle) - b * math.sin(angle)
        assert abs(got[last, pair] - wanted) <= 0.5 + 141 * (math.pi / 4096 + last * 2**-30)


def test_results_are_symmetric_and_scaled_by_a_shift():
    graph = make_graph({"x": (5, 8)}, [{"name": "r", "op": "rope", "in": "x", "heads": 2}])
    qgraph = quantize(graph, make_spec(graph))
    source, out = qgraph.tensor("x").type, qgraph.tensor("r").type

    assert out.signed
    assert out.zero_point == 0
    assert math.log2(out.scale / source.scale) == round(math.log2(out.scale / source.scale))
    assert 0.4 < out.scale / source.scale < 2.5


@pytest.mark.parametrize(
    ("keys", "shape", "key", "message"),
    [
        ({"heads": 2}, (2, 3, 4), "in", r"\(tokens, features\), got \[2, 3, 4\]"),
        ({"heads": 3}, (5, 8), "heads", "3 heads do not divide 8 features into pairs"),
        ({"heads": 8}, (5, 8), "heads", "8 heads do not divide 8 features into pairs"),
        ({"heads": 1}, (5, 7), "heads", "1 heads do not divide 7 features"),
        ({"heads": 2, "start": 4, "limit": 4}, (5, 8), "start", "beyond the last position, 3"),
    ],
)
def test_shapes_that_are_refused(keys, shape, key, message):
    with pytest.raises(ParamError, match=message) as error:
        OP.shape(OP.Params.model_validate(keys), [shape])
    assert error.value.key == key
    assert error.value.hint
