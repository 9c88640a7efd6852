"""Plans with caches of 4-bit codes: what is refused, where they lie, and how many bits."""

import pytest

from hwgen.errors import Mark, SpecError
from hwgen.plan import make_plan
from hwgen.plan.check import problems
from hwgen.plan.memory import onchip_bits
from hwgen.quant import quantize
from hwgen.spec.model import Accelerator, Budget, Precision
from support.graphs import make_graph, make_spec

MARK = Mark("a.yaml", 3, 1)


def attention(features=8, bits=4, activations=8, **cache):
    """Return the qgraph of attention with a cache, two heads."""
    layer = {"name": "a", "op": "attention", "in": ["x", "x", "x"], "heads": 2, "causal": True}
    cache = {"length": 64, "bits": bits} | cache
    graph = make_graph({"x": (2, features)}, [layer | {"cache": cache}])
    return quantize(graph, make_spec(graph, Precision(activations=activations)))


def made(qgraph, schedule="sequential"):
    return make_plan(qgraph, Accelerator(schedule, Budget(64, None), {}, 50.0, MARK))


@pytest.mark.parametrize(
    ("qgraph", "code", "words"),
    [
        (attention(features=6), "HG431", "3 elements"),
        (attention(activations=4), "HG430", "have 4 bits"),
        (attention(memory="external"), "HG415", "external"),
    ],
    ids=["odd", "short", "external"],
)
def test_what_cannot_be_is_refused(qgraph, code, words):
    with pytest.raises(SpecError) as error:
        made(qgraph)
    found = error.value.diagnostics[0]
    assert (found.code, found.where) == (code, MARK)
    assert words in found.message
    assert found.hint


def test_a_dataflow_plan_has_no_array():
    with pytest.raises(SpecError) as error:
        made(attention(), "dataflow")
    assert error.value.diagnostics[0].code == "HG414"


def test_codes_lie_two_in_an_element_and_sizes_beside_them():
    qgraph = attention()
    plan = made(qgraph)
    places = {place.tensor: place.elements for place in plan.placements}
    assert places["a.k"] == places["a.v"] == 64 * 8 // 2
    assert places["a.ks"] == places["a.vs"] == 64 * 2
    assert plan.task("a_K").engine == plan.task("a_V").engine == "pack"
    assert plan.task("a").reads == ("x", "a.k", "a.v", "a.ks", "a.vs")
    assert list(problems(plan, qgraph)) == []


def test_the_buffer_shrinks():
    eight, four = (made(attention(64, bits, length=256)) for bits in (8, 4))
    saved = onchip_bits(eight)["buffers"] - onchip_bits(four)["buffers"]
    # Half of 256 keys and values of 64 codes, less a size of 8 bits for each of 2 heads, and a
    # row that waits for its size.
    assert saved > 256 * 2 * (64 * 4 - 2 * 8) - 64 * 16
