"""Plans with products of activations: one array, caches that stay, and what cannot be."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from hwgen.errors import SpecError
from hwgen.plan import predict
from hwgen.plan.array_lanes import score_units
from hwgen.plan.caches import ring_of
from hwgen.plan.check import problems
from hwgen.plan.cost import useful_of
from hwgen.plan.memory import array_bits
from hwgen.plan.model import Engine, Fold
from hwgen.plan.text import describe
from hwgen.quant.model import QGraph
from rtl_templates.systolic.geometry import Geometry
from support.plan_graphs import Net, plan, works


def block(tokens: int = 16, features: int = 32, **keys: int | bool) -> QGraph:
    """Return attention between linear layers."""
    net = Net(x=(tokens, features))
    for name in "qkv":
        net.linear(name, "x", features, signed=True)
    net.attention("a", "q", "k", "v", heads=4, **keys)
    net.linear("o", "a", features)
    net.add("y", "o", "x")
    return net.qgraph()


def test_linear_layers_run_on_the_array_that_attention_needs() -> None:
    qgraph = block(tile=16)
    made = plan(qgraph, "sequential", 128)
    array, vector = made.engines

    assert (array.template, vector.template) == ("array", "vector")
    assert (array.fold.rows, array.fold.elements) == (16, 1)
    assert {task.engine for task in made.tasks} == {"array", "vector"}
    assert [task.engine for task in made.tasks if task.node in "qkvao"] == ["array"] * 5
    assert made.multipliers == array.multipliers == 16 * array.fold.outputs <= 128
    assert made.buffers[0].banks >= 16


def test_without_products_of_activations_there_is_no_array() -> None:
    net = Net(x=(8, 16))
    net.linear("y", "x", 8)

    assert [engine.template for engine in plan(net.qgraph(), "sequential", 64).engines] == ["mac"]


def test_convolution_keeps_its_engine_and_they_share_the_budget() -> None:
    net = Net(image=(3, 6, 6), x=(8, 16))
    net.conv("c", "image", 8)
    net.linear("q", "x", 16, signed=True)
    net.attention("a", "q", "q", "q", heads=2)
    qgraph = net.qgraph("c", "a")
    for budget in (9, 20, 40, 100):
        made = plan(qgraph, "sequential", budget)
        assert {task.name: task.engine for task in made.tasks} == {
            "c": "mac",
            "q": "array",
            "a": "array",
        }
        assert [engine.name for engine in made.engines] == ["mac", "array"]
        assert made.multipliers <= budget
        assert list(problems(made, qgraph)) == []


@pytest.mark.parametrize("tile", [8, 16, 32])
def test_more_multipliers_never_make_it_slower(tile: int) -> None:
    qgraph = block(tokens=40, tile=tile)
    intervals = [
        plan(qgraph, "sequential", tile * columns).prediction.interval
        for columns in (1, 2, 3, 5, 8, 16, 40, 64)
    ]

    assert intervals == sorted(intervals, reverse=True)
    assert intervals[-1] < intervals[0]


def test_columns_beyond_the_tokens_are_not_bought() -> None:
    made = plan(block(tokens=5), "sequential", 4096)

    assert made.engine("array").fold.outputs <= 5


def test_a_matmul_alone_chooses_the_rows() -> None:
    net = Net(a=(12, 40), b=(40, 24))
    net.matmul("y", "a", "b")
    for budget, rows in ((8, {8}), (64, {8, 16, 32, 64}), (2000, {8, 16, 32, 64})):
        made = plan(net.qgraph(), "sequential", budget)
        assert made.engine("array").fold.rows in rows
        assert made.multipliers <= budget


def test_tiles_of_one_graph_are_the_same() -> None:
    net = Net(x=(16, 32))
    net.attention("a", "x", "x", "x", tile=8)
    net.attention("b", "a", "a", "a", tile=32)
    with pytest.raises(SpecError) as error:
        plan(net.qgraph(), "sequential", 4096)
    found = error.value.diagnostics[0]

    assert (found.code, found.message) == (
        "HG413",
        "attention with tiles of 8 and 32 keys in one graph",
    )


@pytest.mark.parametrize(("with_conv", "budget", "needed"), [(False, 15, 16), (True, 16, 17)])
def test_an_array_needs_a_column(with_conv: bool, budget: int, needed: int) -> None:
    net = Net(x=(16, 32), image=(1, 5, 5))
    net.attention("a", "x", "x", "x", tile=16)
    if with_conv:
        net.conv("c", "image", 2)
    qgraph = net.qgraph("a", *(["c"] if with_conv else []))
    with pytest.raises(SpecError) as error:
        plan(qgraph, "sequential", budget)
    found = error.value.diagnostics[0]

    assert found.code == "HG412"
    assert f"{budget} multipliers" in found.message
    assert found.hint.startswith(f"multipliers: {needed} or more")
    assert plan(qgraph, "sequential", needed).multipliers <= needed


@pytest.mark.parametrize("product", ["attention", "matmul"])
def test_dataflow_has_no_array(product: str) -> None:
    net = Net(x=(8, 8))
    if product == "attention":
        net.attention("y", "x", "x", "x")
    else:
        net.matmul("y", "x", "x")
    with pytest.raises(SpecError) as error:
        plan(net.qgraph(), "dataflow", 4096)
    found = error.value.diagnostics[0]

    assert found.code == "HG414"
    assert "schedule dataflow with y" in found.message
    assert "schedule: sequential" in found.hint


# -- useful products ------------------------------------------------------------------------------


def seen(queries: int, keys: int, window: int = 0, sinks: int = 0, *, causal: bool = False) -> int:
    """Count the pairs by looking at each."""
    pairs = 0
    for query in range(queries):
        place = keys - queries + query
        for key in range(keys):
            near = not window or key > place - window or key < sinks
            pairs += near and (not causal or key <= place)
    return pairs


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        (16, {}),
        (16, {"causal": True}),
        (24, {"causal": True}),
        (10, {"causal": True}),
        (16, {"causal": True, "window": 5}),
        (16, {"causal": True, "window": 5, "sinks": 3}),
        (16, {"causal": True, "window": 20, "sinks": 3}),
    ],
)
def test_attention_counts_pairs_that_are_seen(keys: int, options: dict[str, int]) -> None:
    net = Net(q=(16, 32), k=(keys, 32), v=(keys, 64))
    net.attention("a", "q", "k", "v", heads=4, **options)
    (work,) = works(net.qgraph()).values()

    assert useful_of(work) == 4 * seen(16, keys, **options) * (8 + 16)


def test_utilisation_counts_all_products() -> None:
    made = plan(block(tile=16), "sequential", 128)
    products = 4 * 16 * 32 * 32 + 4 * 16 * 16 * (8 + 8)

    assert sum(task.useful for task in made.tasks) == products
    assert made.utilisation == products / (made.multipliers * made.prediction.interval)


# -- caches ---------------------------------------------------------------------------------------


def cached(**keys: int | bool) -> QGraph:
    net = Net(x=(2, 32))
    for name in "qkv":
        net.linear(name, "x", 32, signed=True)
    net.attention("a", "q", "k", "v", heads=4, causal=True, cached=True, **keys)
    net.linear("o", "a", 32)
    return net.qgraph()


def test_a_cache_is_never_anybody_elses_memory() -> None:
    qgraph = cached(cache=64)
    made = plan(qgraph, "sequential", 64)
    places = {place.tensor: place for place in made.placements}
    others = [place for name, place in places.items() if not name.startswith("a.")]

    assert places["a.k"].elements == places["a.v"].elements == 64 * 32
    for cache in (places["a.k"], places["a.v"]):
        for place in [*others, places["a.v"]]:
            apart = (
                place.address + place.elements <= cache.address
                or cache.address + cache.elements <= place.address
            )
            assert apart or place is cache


def test_tasks_append_before_attention_reads() -> None:
    made = plan(cached(cache=64), "sequential", 64)
    names = [task.name for task in made.tasks]
    key, value, attention = (made.task(name) for name in ("a_K", "a_V", "a"))

    assert names.index("a_K") < names.index("a_V") < names.index("a")
    assert (key.reads, key.appends, key.engine) == (("k",), "a.k", "vector")
    assert (value.reads, value.appends, value.engine) == (("v",), "a.v", "vector")
    assert attention.reads == ("q", "a.k", "a.v")
    assert key.work.results == 2 * 32


def test_a_window_is_a_ring_after_the_sinks() -> None:
    work = works(cached(cache=27, window=10, sinks=3))["a"]
    ring = ring_of(work.attend)

    assert (ring.slots, ring.pinned, ring.start) == (27, 3, 8)
    assert not ring.restarts
    # Until every slot of the ring of 19 is in use a count says where the keys are.
    assert [ring.after(ring.seen(seen, 2), 2) for seen in (0, 2, 19, 20, 22)] == [2, 4, 21, 22, 22]
    assert ring.fullest(2) == 22
    plain = ring_of(works(cached(cache=64))["a"].attend)
    assert (plain.slots, plain.pinned, plain.start, plain.restarts) == (64, 0, 0, True)
    assert [plain.seen(seen, 2) for seen in (0, 62, 63, 64)] == [0, 62, 0, 0]
    assert plain.fullest(2) == 62
    assert plain.fullest(5) == 55


def test_the_verifier_knows_caches_and_arrays() -> None:
    qgraph = cached(cache=64)
    made = plan(qgraph, "sequential", 64)
    tasks = {task.name: task for task in made.tasks}
    places = {place.tensor: place for place in made.placements}

    def with_task(name: str, **keys: object) -> list[str]:
        changed = tuple(replace(t, **keys) if t.name == name else t for t in made.tasks)
        return list(problems(replace(made, tasks=changed), qgraph))

    def with_fold(**keys: int) -> list[str]:
        changed = tuple(
            replace(e, fold=replace(e.fold, **keys)) if e.name == "array" else e
            for e in made.engines
        )
        return list(problems(replace(made, engines=changed), qgraph))

    assert list(problems(made, qgraph)) == []
    assert "the tasks of a do not append to a.k, a.v" in with_task("a_K", appends="a.v")
    assert with_task("a_V", reads=("k",)) == ["the tasks of a do not read q, k, v"]
    assert any("takes" in text for text in with_task("a", cycles=tasks["a"].cycles + 1))
    assert any("tiles of 8 keys" in text for text in with_fold(rows=16))
    assert any("has no array of 12 x" in text for text in with_fold(rows=12))
    assert any("beats of 64 do not divide" in text for text in with_fold(lanes=64))
    moved = replace(places["a.k"], address=places["x"].address)
    kept = tuple(moved if p.tensor == "a.k" else p for p in made.placements)
    overlap = list(problems(replace(made, placements=kept), qgraph))
    assert any("live together and overlap" in text for text in overlap)


# -- what an array keeps -----------------------------------------------------------------------


def kept(queries: int, keys: int, multipliers: int = 1024) -> dict[str, int]:
    net = Net(q=(queries, 64), k=(keys, 64), v=(keys, 64))
    net.attention("a", "q", "k", "v", tile=32)
    made = plan(net.qgraph(), "sequential", multipliers)
    return array_bits([task.work for task in made.tasks], made.engine("array"))


def test_what_attention_keeps_does_not_grow_with_the_keys() -> None:
    few = kept(256, 256)

    assert few == kept(256, 1024) == kept(256, 16384)
    assert sum(few.values()) <= 40 * 8192


@pytest.mark.parametrize("reads", [8, 16, 32])
@pytest.mark.parametrize("keys", [{"inner": 5, "features": 12}, {"inner": 40, "features": 8}])
def test_operands_are_counted_as_the_array_keeps_them(reads: int, keys: dict[str, int]) -> None:
    inner, features = keys["inner"], keys["features"]
    net = Net(q=(9, inner), k=(11, inner), v=(11, features), w=(inner, features))
    net.attention("a", "q", "k", "v", tile=8)
    net.matmul("t", "q", "k", transposed=True)
    net.matmul("p", "q", "w")
    fold = Fold(8, 1, 3, 4, 1, reads)
    shape = SimpleNamespace(rows=8, columns=3, lanes=reads, beat=4, scores=1)
    for name, work in works(net.qgraph()).items():
        attend = work.attend
        engine = Engine("array", "array", fold, 8, True, 0, 20, 8, 0)
        task = SimpleNamespace(
            kind={"a": "attention", "t": "transposed", "p": "plain"}[name],
            inner=attend.inner,
            features=attend.features,
            pinned=False,
            operands_stay=False,
        )
        size = Geometry(shape, task)
        found = array_bits([work], engine)
        assert found["rows"] == 8 * size.row_depth * reads * 8
        assert found["columns"] == 3 * size.column_depth * reads * 8


def test_two_scores_per_cycle_where_slots_would_wait_for_scores() -> None:
    """Short heads beside high tiles, and nothing else: see docs/attention.md."""

    def units(inner: int, tile: int, columns: int = 32, **changes: object) -> int:
        net = Net(q=(64, inner), k=(128, inner), v=(128, inner))
        net.attention("a", "q", "k", "v", tile=tile)
        (work,) = works(net.qgraph()).values()
        assert work.attend is not None
        attend = replace(work.attend, **changes)  # type: ignore[arg-type]
        return score_units([replace(work, attend=attend)], tile, columns)

    sides = {
        side: [units(inner, side, side) for inner in (2, 4, 8, 16, 32)] for side in (8, 16, 32)
    }
    assert sides == {8: [2, 1, 1, 1, 1], 16: [2, 2, 1, 1, 1], 32: [2, 2, 2, 1, 1]}
    assert units(8, 32, 7) == 1  # each half of the columns has an alignment
    assert units(8, 8, 100) == 1  # it is the columns that bound the slot, not the rows
    assert units(8, 32, kv4=True) == 1
    assert units(8, 32, external=True) == 1
    assert score_units([], 32, 32) == 1


# -- prediction and text --------------------------------------------------------------------------


def test_attention_takes_longer_until_its_cache_is_full() -> None:
    made = plan(cached(cache=64), "sequential", 64)
    ends = predict(made, 66)
    intervals = [b - a for a, b in pairwise(ends)]

    assert ends[0] + 1 == made.prediction.latency
    assert intervals[:31] == sorted(intervals[:31])
    assert intervals[0] < intervals[30] == made.prediction.interval
    assert intervals[32:63] == intervals[:31]  # it was emptied


def test_a_full_ring_takes_the_same_time_for_ever() -> None:
    made = plan(cached(cache=19, window=10, sinks=3), "sequential", 64)
    intervals = [b - a for a, b in pairwise(predict(made, 200))]

    assert set(intervals[7:]) == {made.prediction.interval}


def test_padding_saves_tiles() -> None:
    net = Net(x=(32, 32), n=(1,))
    net.attention("a", "x", "x", "x", "n", heads=4, padded=True)
    made = plan(net.qgraph(), "sequential", 64)
    lengths = [32, 25, 24, 9, 8, 1, 0]
    intervals = [b - a for a, b in pairwise([-1, *predict(made, 7, {"n": lengths})])]

    assert predict(made, 3) == predict(made, 3, {"n": [32] * 3})
    assert intervals == sorted(intervals, reverse=True)
    assert intervals[1] > intervals[2] > intervals[3] > intervals[4] >= intervals[6]


def test_the_text_names_arrays_and_what_bounds_them() -> None:
    text = describe(plan(block(tokens=9, tile=16), "sequential", 128))

    assert "array   array          1    16         1" in text
    assert "16 x " in text
    assert "of their cycles useful" in text
