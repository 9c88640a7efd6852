"""Plans with caches in external memory: where they lie, what is refused, what is predicted."""

import pytest

from hwgen.errors import LimitError, Mark, SpecError
from hwgen.plan import make_plan
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


def test_latency_is_paid_twice_and_not_per_tile():
    qgraph = attention()
    near, far = (predict(made(qgraph, Memory(128, latency, 64)), 64) for latency in (20, 120))
    steps = [b - a for a, b in zip([0, *near], near, strict=False)]
    more = [b - a for a, b in zip([0, *far], far, strict=False)]
    # The answers to both appends, and one fetch, whatever the cache holds.
    assert {b - a for a, b in zip(steps[1:], more[1:], strict=True)} == {200}


def test_a_narrow_port_bounds_a_full_cache():
    qgraph = attention(cache={"length": 256})
    wide, narrow = (made(qgraph, Memory(bits, 40, 64)) for bits in (128, 32))
    # 256 keys and values of 32 codes: 4096 beats of 32 bits.
    assert narrow.prediction.interval > 4096 > wide.prediction.interval
