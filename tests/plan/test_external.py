"""Plans with caches in external memory: where they lie, what is refused, what is predicted."""

from dataclasses import replace
from itertools import pairwise

import pytest

from hwgen.errors import LimitError, Mark, SpecError
from hwgen.ops.work import Attend
from hwgen.plan import make_plan
from hwgen.plan.caches import ring_of
from hwgen.plan.check import problems
from hwgen.plan.cycles import predict
from hwgen.plan.memory import onchip_bits
from hwgen.quant import quantize
from hwgen.spec.model import Accelerator, Budget, Memory
from support.graphs import make_graph, make_spec

MARK = Mark("a.yaml", 3, 1)


def attention(tokens=1, features=32, *, heads=2, memory="external", **keys):
    """Return the qgraph of attention over one input of tokens."""
    cache = {"length": 64, "memory": memory} | keys.pop("cache", {})
    layers = [
        {"name": name, "op": "linear", "in": "x", "features": features} for name in ("q", "k", "v")
    ]
    layers.append(
        {"name": "a", "op": "attention", "in": ["q", "k", "v"], "heads": heads, "tile": 8}
        | {"causal": True, "cache": cache}
        | keys
    )
    graph = make_graph({"x": (tokens, 16)}, layers)
    return quantize(graph, make_spec(graph))


def made(qgraph, memory=None, multipliers=64):
    """Return the plan with this external memory."""
    return make_plan(
        qgraph, Accelerator("sequential", Budget(multipliers, None), {}, 50.0, MARK, memory)
    )


def test_caches_lie_one_after_the_other_and_nowhere_else():
    plan = made(attention(), Memory(128, 40, 1024))
    assert plan.memory is not None
    assert plan.memory.caches == {"a": 0}
    assert plan.memory.data_bits == 128
    assert {place.buffer for place in plan.placements if "." in place.tensor} == {"memory"}
    assert [task.engine for task in plan.tasks if task.appends] == ["memory", "memory"]
    assert list(problems(plan, attention())) == []

    inside = made(attention(memory="onchip"))
    assert inside.memory is None
    outside = onchip_bits(plan)["buffers"]
    assert onchip_bits(inside)["buffers"] - outside >= 64 * 2 * 32 * 8  # keys and values


@pytest.mark.parametrize(
    ("qgraph", "memory", "code", "words"),
    [
        (attention(), None, "HG416", "there is none"),
        (attention(heads=4), Memory(128, 40, 64), "HG416", "8 codes of 8 bits"),
        (attention(features=64), Memory(128, 40, 4), "HG417", "8192 bytes do not fit 4 KiB"),
        (attention(tokens=16), Memory(128, 40, 64), "HG418", "16 queries"),
    ],
    ids=["no_memory", "part_of_a_beat", "too_small", "too_many_queries"],
)
def test_what_cannot_be_is_refused_with_numbers(qgraph, memory, code, words):
    with pytest.raises((SpecError, LimitError)) as error:
        made(qgraph, memory)
    found = error.value.diagnostics[0]
    assert found.code == code
    assert words in found.message
    assert found.where == MARK
    assert found.hint


def steps_of(latency, **keys):
    """Return the cycles from tensor to tensor while a cache of 64 tokens fills up."""
    ends = predict(made(attention(**keys), Memory(128, latency, 64)), 64)
    return [b - a for a, b in pairwise(ends)]


def test_latency_is_paid_twice_while_a_token_changes_the_first_tile():
    near, far = steps_of(20), steps_of(120)
    # The answer to the appends, and a fetch.
    assert {b - a for a, b in zip(near[:6], far[:6], strict=True)} == {200}


def test_latency_passes_while_unchanged_tiles_are_read():
    near, far = steps_of(20, heads=1), steps_of(120, heads=1)
    assert far[0] - near[0] == 200
    more = [b - a for a, b in zip(near, far, strict=True)]
    assert sorted(more, reverse=True) == more  # the more tiles, the less
    assert more[-1] < 20


def test_slots_before_those_of_a_tensor_do_not_change():
    attend = Attend(3, 20, 1, 1, 8, 8, 8, cached=True)
    assert [ring_of(attend).unchanged(came, 3) for came in (0, 9)] == [0, 9]
    ring = ring_of(replace(attend, causal=True, window=10, sinks=2))  # slots 0, 1 and 8 to 19
    changed = [{ring_slot(position) for position in range(came, came + 3)} for came in range(40)]
    assert [ring.unchanged(came, 3) for came in range(2, 40)] == [min(some) for some in changed[2:]]
    assert [ring.unchanged(came, 3) for came in range(2)] == [0, 1]


def ring_slot(position):
    return position if position < 2 else 8 + (position - 2) % 12


def test_a_narrow_port_bounds_a_full_cache():
    qgraph = attention(cache={"length": 256})
    wide, narrow = (made(qgraph, Memory(bits, 40, 64)) for bits in (128, 32))
    # 256 keys and values of 32 codes: 4096 beats of 32 bits.
    assert narrow.prediction.interval > 4096 > wide.prediction.interval
