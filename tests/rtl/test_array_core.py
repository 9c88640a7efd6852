"""The whole array in Verilator: every kind of task on one core, results and cycles."""

import numpy as np
import pytest

from hwgen.ops import QType
from hwgen.plan import array_cycles
from hwgen.plan.array_cycles import ArraySize, array_slots
from hwgen.plan.array_lanes import score_units
from rtl_templates.attention.align import Align
from rtl_templates.attention.lanes import Lanes
from rtl_templates.attention.normaliser import Normaliser
from rtl_templates.attention.reciprocal import Reciprocal
from rtl_templates.systolic import collector, geometry, operands
from rtl_templates.systolic.tile_buffer import TileBuffer
from support.array_bench import ArrayBench, Case

pytestmark = pytest.mark.verilator

UNSIGNED = QType(8, False, 0.05, 100)


def attention(shapes, **keys):
    return Case("attention", {"heads": 1, "tile": 8, **keys}, shapes)


def sequence(tokens, features):
    return [(tokens, features)] * 3


PADDED = [*sequence(30, 16), (1,)]
CASES = [
    attention([(4, 8), (16, 8), (16, 8)]),
    attention([(5, 32), (21, 32), (21, 64)], heads=2),
    attention([(13, 64), (20, 32), (20, 32)], heads=4, kv_heads=2, causal=True),
    attention(sequence(30, 16), causal=True, window=5, sinks=3),
    attention(sequence(30, 16), causal=True, window=9),
    attention([(6, 16), (30, 16), (30, 16), (1,)], padded=True),
    attention(PADDED, padded=True, causal=True, window=5, sinks=3),
    attention(sequence(3, 8), heads=2, causal=True, cache={"length": 60}),
    attention(sequence(1, 32), heads=2, causal=True, cache={}, window=12, sinks=3),
    attention([(2, 32)] * 4, causal=True, cache={}, window=12, sinks=3, sink_queries=True),
    attention(sequence(3, 8), heads=2, causal=True, cache={"length": 60, "bits": 4}),
    attention([(2, 32)] * 4, causal=True, cache={"bits": 4}, window=12, sinks=3, sink_queries=True),
    attention(
        [(1, 32), (1, 16), (1, 16)],
        heads=4,
        kv_heads=2,
        causal=True,
        cache={"length": 51, "bits": 4},
    ),
    # Short heads: three slots from keys to values, without and with a wait for the shadows.
    attention([(5, 4), (70, 4), (70, 4)]),
    attention(sequence(2, 4), causal=True, cache={"length": 60, "bits": 4}),
    Case("linear", {"features": 24}, [(7, 21)]),
    Case("linear", {"features": 4}, [(13, 5)], types=[UNSIGNED]),
    Case("linear", {"features": 20}, [(3,)]),
    # Operand stationary: several tiles, one tile, and slots that wait for beats or for the shadows.
    Case("linear", {"features": 20}, [(7, 21)], stays=True),
    Case("linear", {"features": 4}, [(13, 5)], types=[UNSIGNED], stays=True),
    Case("linear", {"features": 20}, [(10, 8)], stays=True),
    Case("linear", {"features": 4}, [(3, 40)], stays=True),
    Case("matmul", {"transpose_b": True}, [(7, 21), (12, 21)]),
    Case("matmul", {"transpose_b": True}, [(1, 1), (4, 1)]),
    Case("matmul", {}, [(9, 21), (21, 12)]),
    Case("matmul", {}, [(7, 3), (3, 28)]),
]


@pytest.fixture(scope="module")
def bench():
    return ArrayBench(CASES, rows=8, columns=3, lanes=8, beat=4, normalisers=3).build()


def runs_of(number, draw=0, **keys):
    """Return runs of a case: several fillings of a cache, several counts of keys."""
    case = CASES[number]
    cache, padded = case.keys.get("cache"), case.keys.get("padded")
    samples = (1, 2, 9, 17) if cache is not None else (1,)
    counts = (0, 1, 4, 8, 17, 30) if padded else (None,)
    for sample in samples:
        for count in counts:
            codes = case.codes(sample, seed=100 * draw + number, spread=0.4)
            if count is not None:
                codes[-1][:] = count
            yield number, codes, keys


def test_every_task_in_turn(bench, tmp_path):
    """Back to back in any order: golden results, each written once, in predicted cycles."""
    rng = np.random.default_rng(3)
    runs = [
        run for draw in range(2) for number in range(len(CASES)) for run in runs_of(number, draw)
    ]
    traces = bench.run([runs[k] for k in rng.permutation(len(runs))], tmp_path)
    assert any(trace.masked.any() for trace in traces)


def test_late_memories_change_no_result(bench, tmp_path):
    rng = np.random.default_rng(4)
    runs = []
    for number in range(len(CASES)):
        for draw, (latency, pauses) in enumerate([(7, 0), (0, 40), (3, 80)]):
            keys = {"latency": latency, "pauses": pauses, "seed": number + 1}
            runs += list(runs_of(number, draw, **keys))[:2]
    bench.run([runs[k] for k in rng.permutation(len(runs))], tmp_path)


def test_reset_in_mid_run_leaves_no_trace(bench, tmp_path):
    rng = np.random.default_rng(5)
    runs = [
        next(runs_of(number, 7, reset_at=int(rng.integers(2, 200)))) for number in range(len(CASES))
    ]
    bench.run(runs, tmp_path)


def test_lanes_of_two_columns(tmp_path):
    """Long heads leave a lane time for two columns; products on the array do not wait for it."""
    cases = [
        attention([(5, 38), (41, 38), (41, 32)], heads=2),  # numerators are back just in time
        Case("linear", {"features": 24}, [(7, 21)]),
        Case("linear", {"features": 12}, [(9, 21)], stays=True),
        attention([(13, 128), (20, 64), (20, 64)], heads=4, kv_heads=2, causal=True),
        attention([(2, 32)] * 4, causal=True, cache={}, window=12, sinks=3, sink_queries=True),
        attention([(6, 40), (30, 40), (30, 40), (1,)], padded=True),
    ]
    bench = ArrayBench(cases, rows=8, columns=4, lanes=8, beat=4, normalisers=2).build()
    assert bench.core.lanes.shape.turns == 2
    runs = [
        (k, case.codes(samples, seed=samples + k, spread=0.4), {})
        for samples in (1, 9)
        for k, case in enumerate(cases)
    ]
    bench.run([runs[k] for k in np.random.default_rng(5).permutation(len(runs))], tmp_path)


SHORT = [
    attention([(9, 4), (37, 4), (37, 4)], heads=2),
    attention([(13, 8), (20, 4), (20, 4)], heads=4, kv_heads=2, causal=True),
    attention([(6, 3), (30, 3), (30, 4), (1,)], padded=True),
    attention(sequence(30, 2), causal=True, window=5, sinks=3),
    attention([(2, 2)] * 4, causal=True, cache={}, window=12, sinks=3, sink_queries=True),
    Case("linear", {"features": 24}, [(7, 21)]),
    Case("linear", {"features": 12}, [(9, 21)], stays=True),
    Case("matmul", {}, [(9, 21), (21, 12)]),
]


def test_two_scores_per_cycle(tmp_path):
    """Short heads: the halves of the columns drain and reload apart, in products together."""
    bench = ArrayBench(SHORT, rows=8, columns=4, lanes=16, beat=2, normalisers=2)
    lanes = bench.core.lanes.shape
    assert (lanes.scores, lanes.lag) == (2, 3)
    slots = [size.slot for size in bench.core.sizes if size.attention]
    assert max(slots) < 8  # scores of a column
    rng = np.random.default_rng(6)
    runs = []
    for k, case in enumerate(SHORT):
        for more in ({}, {"latency": 7, "seed": k + 1}, {"pauses": 40, "seed": k + 1}):
            runs.append((k, case.codes(seed=k, spread=0.4), more))
        runs.append((k, case.codes(9, seed=k + 9, spread=0.4), {}))
        runs.append((k, case.codes(seed=k), {"reset_at": int(rng.integers(2, 120))}))
    bench.build().run([runs[k] for k in rng.permutation(len(runs))], tmp_path)


def test_extremes(bench, tmp_path):
    """All lowest codes: the largest products that there can be, and clamped logarithms."""
    runs = []
    for number in (1, 2, 10, 11, 15, 18, 22, 24):
        case = CASES[number]
        codes = [np.full((1, *s), t.low) for s, t in zip(case.shapes, case.types, strict=True)]
        runs.append((number, codes, {}))
    bench.run(runs, tmp_path)


def busy_after_the_first_tile(trace, tile):
    """Return the part of the cycles after the first tile's steps that multiply."""
    begin = trace.working[0, 0] + tile
    end = trace.working[-1, 1]
    busy = sum(max(0, int(b) - max(int(a), begin)) for a, b in trace.working)
    return busy / (end - begin)


def test_products_of_whole_tiles_keep_every_multiplier_busy(tmp_path):
    """M, N and K multiples of the array's sides: 98 % and more from the second tile on."""
    rows, columns, beat, lanes = 8, 8, 8, 32
    cases = [
        Case("linear", {"features": 8 * n}, [(8 * m, 8 * k)], stays=stays)
        for m, n, k, stays in [
            *((1, 4, 1, False), (4, 4, 1, False), (3, 5, 2, False), (2, 8, 4, False)),
            *((4, 4, 1, True), (2, 8, 4, True)),
        ]
    ]
    cases += [
        Case("matmul", {"transpose_b": turned}, [(8 * m, 8 * k), other])
        for m, n, k in [(2, 4, 2), (3, 3, 4)]
        for turned, other in [(True, (8 * n, 8 * k)), (False, (8 * k, 8 * n))]
    ]
    bench = ArrayBench(cases, rows=rows, columns=columns, lanes=lanes, beat=beat).build()
    runs = [(number, case.codes(), {}) for number, case in enumerate(cases)]
    for trace, case in zip(bench.run(runs, tmp_path), cases, strict=True):
        first = case.work.outputs if case.stays else case.shapes[0][1]
        assert busy_after_the_first_tile(trace, first) >= 0.98, (case.op, case.shapes)
        assert trace.steps * rows * columns == np.prod(case.shapes[0]) * case.work.outputs


@pytest.mark.parametrize("seed", range(20))
def test_ragged_edges_cost_only_the_padding(seed):
    """As many steps as of the next whole tiles, and no cycle more until the last beat."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.choice([8, 16])), int(rng.integers(1, 20))
    size = ArraySize(rows, columns, reads=64, beat=rows)
    tokens, features = int(rng.integers(1, 60)), int(rng.integers(1, 90))
    inner = int(rng.integers(max(rows, columns), 200))
    whole = -(-tokens // columns) * columns, -(-features // rows) * rows
    ragged, padded = (
        array_slots(Case("linear", {"features": f}, [(t, inner)]).work, size)
        for t, f in ((tokens, features), whole)
    )
    assert ragged.length == inner
    assert ragged.steps == padded.steps == whole[0] // columns * whole[1] // rows * inner
    assert ragged.last_beat <= padded.last_beat


@pytest.mark.parametrize("seed", range(20))
def test_the_padding_of_what_stays_is_that_of_the_elements(seed):
    """As many steps as for whole tiles of elements and tokens, and slots without a gap."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.choice([8, 16])), int(rng.integers(1, 20))
    size = ArraySize(rows, columns, reads=64, beat=rows, stays=True)
    tokens, inner = int(rng.integers(1, 60)), int(rng.integers(1, 200))
    features = rows * int(rng.integers(2, 7)) * -(-columns // rows)
    slots = array_slots(Case("linear", {"features": features}, [(tokens, inner)]).work, size)
    blocks, tiles = -(-tokens // columns), -(-inner // rows)
    assert slots.length == features
    assert slots.steps == blocks * tiles * features
    begin, *others = slots.starts
    assert others == [begin + tiles * features * k for k in range(1, blocks)]


@pytest.mark.parametrize(("bits", "weight_bits"), [(4, 4), (16, 8)])
def test_operands_of_other_widths(bits, weight_bits, tmp_path):
    kind = QType(bits, True, 0.02)
    cases = [
        Case("linear", {"features": 6}, [(5, 9)], [kind], kind, weight_bits),
        Case("linear", {"features": 4}, [(3, 6)], [QType(bits, False, 0.02, 3)], kind, weight_bits),
        Case("linear", {"features": 6}, [(3, 9)], [kind], kind, weight_bits, stays=True),
    ]
    if bits == 4:
        cases.append(Case("matmul", {"transpose_b": True}, [(5, 9), (6, 9)], [kind] * 2, kind))
        mixed = [QType(4, False, 0.02), QType(4, True, 0.02)]
        cases.append(Case("matmul", {}, [(5, 9), (9, 4)], mixed, kind))
    bench = ArrayBench(cases, rows=4, columns=2, lanes=4, beat=2, data_bits=bits).build()
    bench.run([(n, case.codes(), {}) for n, case in enumerate(cases)], tmp_path)


def test_the_recurrence_knows_the_templates():
    assert array_cycles.FEED == TileBuffer.LATENCY
    assert array_cycles.LOAD == operands.Operands.LATENCY + 2
    assert (array_cycles.SCALE, array_cycles.WRITE) == (collector.SCALE, collector.WRITE)
    lanes = (Lanes.SCORE, Lanes.READY, Lanes.RELOAD, Lanes.MERGE)
    assert lanes == (
        array_cycles.SCORE,
        array_cycles.READY,
        array_cycles.RELOAD,
        array_cycles.MERGE,
    )
    assert array_cycles.DIVISION == Reciprocal.LATENCY
    assert array_cycles.NORMALISE == Normaliser.LATENCY
    assert array_cycles.RESULTS == Align.DENOMINATOR


def test_slots_are_as_long_as_in_the_templates():
    """For arrays of many sizes: the same slots, tiles and lag."""
    from hwgen.emit.rtl.array_tasks import array_task
    from rtl_templates.systolic.task import ArrayShape

    for case in CASES + SHORT:
        for rows, columns, beat in [(8, 3, 4), (8, 16, 2), (8, 100, 8)]:
            scores = score_units([case.work], rows, columns)
            shape = ArrayShape(rows, columns, 8, beat, 8, 8, 9, 8, 24, 16, 8, scores=scores)
            task = array_task(case.work, case.lowered, case.types, stays=case.stays)
            sizes = geometry.Geometry(shape, task)
            size = ArraySize(rows, columns, 8, beat, scores=scores, stays=case.stays)
            slots = array_slots(case.work, size)
            assert slots.length == sizes.slot


def draw_case(rng, rows, beat):
    """Return a random node for an array of so many rows."""
    op = ["linear", "matmul", "attention", "attention"][int(rng.integers(4))]
    tokens, inner = int(rng.integers(1, 40)), int(rng.integers(1, 50))
    features = beat * int(rng.integers(1, 9))
    if op == "linear":
        return Case(op, {"features": features}, [(tokens, inner)], stays=bool(rng.integers(2)))
    if op == "matmul":
        turned = bool(rng.integers(2))
        second = (features, inner) if turned else (inner, features)
        return Case(op, {"transpose_b": turned}, [(tokens, inner), second])
    kv_heads, group = (int(n) for n in rng.integers(1, 4, size=2))
    keys = {"heads": kv_heads * group, "kv_heads": kv_heads, "tile": rows}
    if rng.integers(2):
        keys |= {"causal": True, "window": int(rng.choice([0, 7, 30]))}
        keys["sinks"] = int(rng.choice([0, 5])) if keys["window"] else 0
    count = int(rng.integers(1, 90))
    shapes = [(tokens, kv_heads * group * inner), (count, kv_heads * inner)]
    return Case(op, keys, [*shapes, (count, kv_heads * features)])


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(8))
def test_arrays_of_random_sizes(seed, tmp_path):
    rng = np.random.default_rng(seed)
    rows = int(rng.choice([8, 16]))
    columns, beat = int(rng.integers(1, 20)), int(rng.choice([1, 2, 4, 8]))
    divisors = [n for n in range(1, beat + 1) if columns % n == 0]
    cases = [draw_case(rng, rows, beat) for _ in range(12)]
    bench = ArrayBench(
        cases,
        rows=rows,
        columns=columns,
        lanes=int(rng.choice([1, 4, 16, 64])),
        beat=beat,
        normalisers=int(rng.choice(divisors)),
    ).build()
    runs = [(n, case.codes(seed=seed, spread=0.4), {}) for n, case in enumerate(cases)]
    bench.run(runs, tmp_path)
