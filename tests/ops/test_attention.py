"""Attention against plain integers with a cache in real slots, and against float softmax."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from support.attend import PlainAttention
from support.op_cases import Case

OP = get_op("attention")
SIGNED = QType(8, True, 0.05)


def make_case(keys, shapes, *, samples, seed, types=None, low=None, spread=1.0):
    """Return a node with random codes; ``low`` fills the queries' codes instead."""
    params = OP.Params.model_validate(keys)
    types = types or [QType(8, True, scale) for scale in (0.06, 0.05, 0.03)]
    types = [*types, *OP.in_types(params, shapes)[3:]]
    if params.sink_queries:
        types[3] = QType(8, True, 0.04)
    out = QType(8, True, types[2].scale)
    random = np.random.default_rng(seed)
    means = [random.standard_normal(shape[-1]) for shape in shapes]
    lowered = OP.lower(params, {}, shapes, types, out, LowerOptions(8, means=means))
    codes = []
    for shape, kind in zip(shapes, types, strict=True):
        array = random.integers(kind.low, kind.high, size=(samples, *shape), endpoint=True)
        codes.append(array if kind.count else (array * spread).astype(np.int64))
    if low is not None:
        codes[0][:] = low
    return Case(OP, params, shapes, types, out, {}, lowered, codes)


@st.composite
def attention_cases(draw):
    kv_heads = draw(st.integers(1, 2))
    heads = kv_heads * draw(st.integers(1, 3))
    inner, features = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    queries = draw(st.integers(1, 4))
    keys = {
        "heads": heads,
        "kv_heads": kv_heads,
        "causal": draw(st.booleans()),
        "tile": draw(st.sampled_from([8, 16])),
    }
    cached = draw(st.booleans())
    if cached or keys["causal"]:
        keys["causal"] = True
        keys["window"] = draw(st.sampled_from([0, 1, 3, 11, 20]))
        keys["sinks"] = draw(st.integers(0, min(keys["window"], 9)))
    elif draw(st.booleans()):
        keys["sinks"] = draw(st.integers(0, 20))
    if cached:
        keys["cache"] = {} if keys["window"] else {"length": queries * draw(st.integers(1, 9))}
        keys["cache"]["bits"] = draw(st.sampled_from([8, 8, 4]))
        keys["sink_queries"] = keys["sinks"] > 0 and draw(st.booleans())
    else:
        keys["padded"] = draw(st.booleans())
    rows = queries if cached else draw(st.integers(1, 24))
    shapes = [(queries, heads * inner), (rows, kv_heads * inner), (rows, kv_heads * features)]
    if keys.get("sink_queries"):
        shapes.append(shapes[0])
    if keys.get("padded"):
        shapes.append((1,))
    return make_case(
        keys,
        shapes,
        samples=draw(st.integers(1, 12 if cached else 2)),
        seed=draw(st.integers(0, 1 << 32)),
        low=draw(st.sampled_from([None, None, None, -128])),
        spread=draw(st.sampled_from([1.0, 0.3])),
    )


def plain(case):
    """Return codes by plain integers, and how many (query, head) pairs saw no key."""
    work = OP.work(case.lowered, case.shapes, case.types)
    capacity = case.lowered.attrs["capacity"]
    results, nodes = [], []
    for sample in range(len(case.codes[0])):
        if sample == 0 or (capacity and sample % capacity == 0):
            nodes.append(PlainAttention(work, case.lowered))
        results.append(nodes[-1].tensor([codes[sample].ravel().tolist() for codes in case.codes]))
    return results, sum(node.masked for node in nodes)


@settings(max_examples=150, deadline=None)
@given(attention_cases())
def test_codes_equal_plain_integers(case):
    got = OP.integer(case.lowered, case.codes)
    shape = OP.shape(case.params, case.shapes)
    assert got.shape == (len(case.codes[0]), *shape)
    expected, _ = plain(case)
    assert got.reshape(len(got), -1).tolist() == expected
    work = OP.work(case.lowered, case.shapes, case.types)
    assert work.results == got[0].size
    assert case.out.low <= got.min() <= got.max() <= case.out.high


@settings(max_examples=100, deadline=None)
@given(attention_cases())
def test_codes_are_close_to_float_softmax(case):
    real = OP.real(case.params, case.real_inputs, {}) / case.out.scale
    got = OP.integer(case.lowered, case.codes)
    # 0.139 of the values' spread (the error bound of tile exponents), and the result's rounding
    if case.params.cache and case.params.cache.bits == 4:
        return  # four bits are no approximation of small heads
    assert np.abs(got - real).max() <= 0.5 + 0.139 * 256


def naive(case):
    """Return float attention, one query at a time, over all keys since reset."""
    a = OP.work(case.lowered, case.shapes, case.types).attend
    real = case.real_inputs
    samples = len(real[0])
    result = np.zeros((samples, a.queries, a.heads, a.features))
    group = a.heads // a.kv_heads
    for sample in range(samples):
        keys, values, first = real[1][sample], real[2][sample], len(real[1][sample]) - a.queries
        if a.cached:
            keys = real[1][: sample + 1].reshape(-1, real[1].shape[2])
            values = real[2][: sample + 1].reshape(-1, real[2].shape[2])
            first = sample * a.queries
        length = int(real[-1][sample, 0]) if a.padded else len(keys)
        for token in range(a.queries):
            p = first + token
            chosen = [
                n
                for n in range(min(length, p + 1) if a.causal else length)
                if not a.window or n > p - a.window or n < a.sinks
            ]
            if not chosen:
                continue
            for head in range(a.heads):
                kv = head // group
                query = real[0][sample, token, head * a.inner : (head + 1) * a.inner]
                key = keys[chosen, kv * a.inner : (kv + 1) * a.inner]
                score = key @ query / np.sqrt(a.inner)
                weight = np.exp(score - score.max())
                value = values[chosen, kv * a.features : (kv + 1) * a.features]
                result[sample, token, head] = weight @ value / weight.sum()
    return result.reshape(samples, a.queries, -1)


@settings(max_examples=100, deadline=None)
@given(attention_cases())
def test_real_attention_equals_one_query_at_a_time(case):
    capacity = case.lowered.attrs["capacity"]
    if case.params.sink_queries or (capacity and capacity < len(case.codes[0])):
        return
    np.testing.assert_allclose(
        OP.real(case.params, case.real_inputs, {}), naive(case), rtol=1e-9, atol=1e-9
    )


def decibels(signal, noise):
    return 10 * np.log10(np.sum(signal**2) / np.sum(noise**2))


def test_a_long_cached_window_equals_masked_attention():
    """A ring of 37 slots, 3,000 tokens: the same as attention that masks the whole history."""
    keys = {"heads": 2, "causal": True, "window": 29, "sinks": 4, "tile": 8, "cache": {}}
    case = make_case(keys, [(1, 8)] * 3, samples=3000, seed=1)
    got = OP.integer(case.lowered, case.codes)
    assert OP.work(case.lowered, case.shapes, case.types).attend.keys == 8 + 29
    late = slice(2900, 3000)
    real = naive(case)[late]
    assert decibels(real, got[late] * case.out.scale - real) > 35
    whole = {**keys, "cache": None}
    uncached = make_case(whole, [(3000, 16)] * 3, samples=1, seed=1)
    flat = [codes.reshape(1, 3000, 16) for codes in make_case(
        keys, [(1, 16)] * 3, samples=3000, seed=2).codes]  # fmt: skip
    masked = OP.real(uncached.params, [c * 0.05 for c in flat], {})
    ring = OP.real(
        OP.Params.model_validate(keys), [c.reshape(3000, 1, 16) * 0.05 for c in flat], {}
    )
    np.testing.assert_allclose(ring[:, 0], masked[0], rtol=1e-9, atol=1e-12)


@pytest.mark.nightly
def test_100000_tokens_equal_masked_attention_at_any_time():
    keys = {"heads": 2, "causal": True, "window": 60, "sinks": 4, "tile": 16, "cache": {}}
    case = make_case(keys, [(1, 16)] * 3, samples=100_000, seed=5)
    got = OP.integer(case.lowered, case.codes)
    expected, _ = plain(case)
    assert got.reshape(len(got), -1).tolist() == expected
    real = OP.real(case.params, case.real_inputs, {})
    for start in (0, 50_000, 99_000):
        part = slice(start, start + 1000)
        assert decibels(real[part], got[part] * case.out.scale - real[part]) > 35


def test_tensors_of_several_tokens_see_what_single_ones_see():
    keys = {"heads": 1, "causal": True, "window": 7, "sinks": 2, "tile": 8, "cache": {}}
    one = make_case(keys, [(1, 4)] * 3, samples=24, seed=3)
    four = make_case(keys, [(4, 4)] * 3, samples=6, seed=3)
    codes = [array.reshape(6, 4, 4) for array in one.codes]
    values = [array * kind.scale for array, kind in zip(codes, four.types, strict=True)]
    np.testing.assert_allclose(
        OP.real(four.params, values, {}).reshape(24, 1, 4),
        OP.real(one.params, one.real_inputs, {}),
    )


def test_a_full_cache_without_window_begins_anew():
    keys = {"heads": 1, "causal": True, "cache": {"length": 6}}
    case = make_case(keys, [(2, 4)] * 3, samples=6, seed=4)
    assert case.lowered.attrs["capacity"] == 3
    codes = [np.concatenate([array[:3], array[:3]]) for array in case.codes]
    got = OP.integer(case.lowered, codes)
    assert got[:3].tolist() == got[3:].tolist()


def test_a_query_that_sees_no_key_is_zero():
    keys = {"heads": 1, "causal": True, "padded": True}
    shapes = [(5, 2), (3, 2), (3, 2), (1,)]
    case = make_case(keys, shapes, samples=2, seed=6)
    case.codes[3][:] = [[3], [0]]
    got = OP.integer(case.lowered, case.codes)
    # Five queries, three keys: the first two stand before the first key.  No key counts at all in
    # the second tensor.
    assert not got[0, :2].any() and got[0, 2:].any() and not got[1].any()
    assert plain(case)[1] == 2 + 5
    assert not OP.real(case.params, case.real_inputs, {})[1].any()


def test_equal_scores_average_the_values():
    case = make_case({"heads": 1}, [(1, 2), (48, 2), (48, 3)], samples=1, seed=7)
    case.codes[0][:] = 0
    mean = case.codes[2][0].mean(axis=0)
    assert np.abs(OP.integer(case.lowered, case.codes)[0, 0] - mean).max() <= 1


def test_sinks_share_no_tile():
    """Four keys 11 octaves above the rest: in a tile with others they would hide them."""
    shapes = [(4, 8), (40, 8), (40, 3)]
    plain_case = make_case({"heads": 1}, shapes, samples=1, seed=9)
    apart = make_case({"heads": 1, "sinks": 4}, shapes, samples=1, seed=9)
    for case in (plain_case, apart):
        case.codes[0][:] = 0
        case.codes[0][..., 0] = 100
        case.codes[1][..., 0] = 0
        case.codes[1][:, :4, 0] = 80
        case.codes[2][:, :4] = 0
        case.codes[2][:, 16:] = 0
    real = OP.real(apart.params, apart.real_inputs, {}) / apart.out.scale
    hidden = OP.integer(plain_case.lowered, plain_case.codes)
    shown = OP.integer(apart.lowered, apart.codes)
    assert not hidden.any()
    assert np.abs(shown - real).max() <= 0.6


def test_a_mean_of_the_keys_changes_no_softmax():
    keys = {"heads": 2, "causal": True, "cache": {"length": 32, "bits": 4}}
    case = make_case(keys, [(4, 8)] * 3, samples=8, seed=3)
    no_mean = OP.lower(case.params, {}, case.shapes, case.types, case.out, LowerOptions(8))
    assert case.lowered.constants["key_mean"].any()
    assert not no_mean.constants["key_mean"].any()
    case.codes[1][:] = np.clip(case.codes[1], -60, 60)
    moved = [case.codes[0], case.codes[1] + case.lowered.constants["key_mean"], case.codes[2]]
    got = OP.integer(case.lowered, moved)
    assert got.tolist() == OP.integer(no_mean, case.codes).tolist()


def test_accumulator_holds_scores_and_values():
    case = make_case({"heads": 2, "tile": 32}, [(3, 16), (40, 16), (40, 4)], samples=1, seed=8)
    low, high = OP.accumulator(case.lowered, case.shapes, case.types)
    assert high >= 8 * 128 * 128 and low <= -8 * 127 * 128
    assert high >= 32 * 255 * 127 and low <= -32 * 255 * 128


@pytest.mark.parametrize(
    ("keys", "shapes", "key", "words", "hint"),
    [
        ({"heads": 3}, [(4, 8)] * 3, "heads", "3 heads do not divide the 8 features", "1, 2, 4, 8"),
        ({"heads": 4, "kv_heads": 3}, [(4, 8), (4, 6), (4, 6)], "kv_heads", "share 4", "1, 2, 4"),
        ({"heads": 4, "kv_heads": 2}, [(4, 8), (4, 8), (4, 8)], "kv_heads", "a key head 4", "4"),
        ({"heads": 4, "kv_heads": 2}, [(4, 8), (4, 4), (4, 3)], "kv_heads", "values", "1, 3"),
        ({"heads": 1}, [(4, 8), (5, 8), (4, 8)], "in", "5 keys and 4 values", "each key"),
        ({"heads": 1}, [(4, 257)] * 3, "heads", "257 elements", "256"),
        ({"heads": 1, "window": 4}, [(4, 8)] * 3, "window", "window 4", "causal: true"),
        (
            {"heads": 1, "causal": True, "window": 3, "sinks": 4},
            [(4, 8)] * 3,
            "window",
            "window 3 is smaller than the 4 sinks",
            "window: 4",
        ),
        (
            {"heads": 1, "causal": True, "sinks": 4, "cache": {"length": 8}},
            [(4, 8)] * 3,
            "sinks",
            "none of 4 sinks apart",
            "sinks: 0",
        ),
        ({"heads": 1, "cache": {"length": 8}}, [(4, 8)] * 3, "cache", "causal", "causal: true"),
        ({"heads": 1, "causal": True, "cache": {}}, [(4, 8)] * 3, "cache", "length", "length: "),
        (
            {"heads": 1, "causal": True, "cache": {"length": 3}},
            [(4, 8)] * 3,
            "cache",
            "length 3 is less than the 4 tokens",
            "4 or more",
        ),
        (
            {"heads": 1, "causal": True, "cache": {"length": 8}, "window": 4},
            [(4, 8)] * 3,
            "cache",
            "the window decides",
            "cache: {}",
        ),
        (
            {"heads": 1, "causal": True, "cache": {"length": 8}},
            [(4, 8), (8, 8), (8, 8)],
            "cache",
            "8 keys for 4 queries",
            "same tokens",
        ),
        (
            {"heads": 1, "causal": True, "cache": {"length": 8}, "padded": True},
            [(4, 8), (4, 8), (4, 8), (1,)],
            "padded",
            "none is padding",
            "padded: false",
        ),
        ({"heads": 1}, [(4, 8)] * 4, "in", "4 inputs, needs 3", "the values"),
        ({"heads": 1, "padded": True}, [(4, 8)] * 3, "in", "needs 4", "the number of keys"),
        ({"heads": 1, "padded": True}, [(4, 8)] * 4, "padded", "shape [1], got [4, 8]", "[1]"),
        ({"heads": 1, "sink_queries": True}, [(4, 8)] * 4, "sink_queries", "sinks", "cache: {}"),
        (
            {
                "heads": 1,
                "causal": True,
                "cache": {},
                "window": 4,
                "sinks": 2,
                "sink_queries": True,
            },
            [(4, 8), (4, 8), (4, 8), (4, 4)],
            "sink_queries",
            "[4, 4]",
            "same shape",
        ),
        ({"heads": 1}, [(4, 8), (4, 8), (8,)], "in", "the values of shape", "shape:"),
    ],
)
def test_keys_and_shapes_that_do_not_fit_are_refused(keys, shapes, key, words, hint):
    with pytest.raises(ParamError) as error:
        OP.shape(OP.Params.model_validate(keys), shapes)
    assert error.value.key == key
    assert words in str(error.value)
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("types", "words"),
    [
        ([QType(8, False, 1.0, 7), SIGNED, SIGNED], "the queries with zero point 0, not 7"),
        ([SIGNED, QType(16, True, 1.0), SIGNED], "the keys with codes from -128 to 127"),
        ([SIGNED, SIGNED, QType(8, False, 1.0)], "the values with codes"),
    ],
)
def test_codes_that_are_no_factors_are_refused(types, words):
    params = OP.Params.model_validate({"heads": 1})
    with pytest.raises(ParamError) as error:
        OP.lower(params, {}, [(2, 2)] * 3, types, SIGNED, LowerOptions(8))
    assert words in str(error.value)
    assert error.value.hint


def test_the_number_of_keys_must_be_a_count():
    params = OP.Params.model_validate({"heads": 1, "padded": True})
    shapes = [(2, 2), (5, 2), (5, 2), (1,)]
    (count,) = OP.in_types(params, shapes)[3:]
    assert (count.low, count.high, count.scale) == (0, 5, 1.0)
    with pytest.raises(ParamError, match="count up to 5"):
        OP.lower(params, {}, shapes, [SIGNED] * 4, SIGNED, LowerOptions(8))
