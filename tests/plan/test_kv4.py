"""Plans with caches of 4-bit codes: what is refused, where they lie, and how many bits."""

from types import SimpleNamespace

import pytest

from hwgen.errors import LimitError, Mark, SpecError
from hwgen.ops.work import Attend
from hwgen.plan import make_plan
from hwgen.plan.array_cycles import ArraySize, size_places
from hwgen.plan.check import problems
from hwgen.plan.memory import array_bits, onchip_bits
from hwgen.quant import quantize
from hwgen.spec.model import Accelerator, Budget, Memory, Precision
from rtl_templates.systolic.geometry import Geometry
from support.graphs import make_graph, make_spec

MARK = Mark("a.yaml", 3, 1)


def attention(features=8, bits=4, activations=8, tile=16, **cache):
    """Return the qgraph of attention with a cache, two heads."""
    layer = {"name": "a", "op": "attention", "in": ["x", "x", "x"], "heads": 2, "causal": True}
    layer["tile"] = tile
    cache = {"length": 64, "bits": bits} | cache
    graph = make_graph({"x": (2, features)}, [layer | {"cache": cache}])
    return quantize(graph, make_spec(graph, Precision(activations=activations)))


def made(qgraph, schedule="sequential", memory=None):
    return make_plan(qgraph, Accelerator(schedule, Budget(64, None), {}, 50.0, MARK, memory))


@pytest.mark.parametrize(
    ("qgraph", "code", "words"),
    [
        (attention(features=6), "HG431", "3 elements"),
        (attention(activations=4), "HG430", "have 4 bits"),
    ],
    ids=["odd", "short"],
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


def test_codes_pass_the_buffer_on_their_way_out():
    qgraph = attention(64, memory="external")
    plan = made(qgraph, memory=Memory(128, 20, 64))
    places = {place.tensor: place for place in plan.placements}
    outside = {name for name, place in places.items() if place.buffer == "memory"}
    assert outside == {"a.k", "a.v", "a.ks", "a.vs"}
    assert places["a.kp"].elements == places["a.vp"].elements == 2 * 64 // 2
    assert places["a.ksp"].elements == places["a.vsp"].elements == 2 * 2  # tokens, key heads
    assert [(task.engine, task.appends, task.sizes) for task in plan.tasks if task.appends] == [
        *(("pack", "a.kp", "a.ksp"), ("pack", "a.vp", "a.vsp")),
        *(("memory", "a.k", "a.ks"), ("memory", "a.v", "a.vs")),
    ]
    assert list(problems(plan, qgraph)) == []


def test_half_the_bytes_and_the_sizes_lie_outside():
    eight, four = (attention(128, bits, memory="external") for bits in (8, 4))
    caches = 64 * 2 * 128  # keys and values of 64 tokens
    with pytest.raises(LimitError, match=f"caches of {caches} bytes do not fit 12 KiB"):
        made(eight, memory=Memory(128, 20, 12))
    assert made(four, memory=Memory(128, 20, 12)).memory.caches == {"a": 0}
    sizes = 64 * 2 * 2  # a byte for each key and value of two heads
    with pytest.raises(LimitError, match=rf"\(a {caches // 2 + sizes}\)"):
        made(four, memory=Memory(128, 20, 8))


def array_kept(plan):
    """Return the bits that the array keeps for attention."""
    (work,) = (task.work for task in plan.tasks if task.work.kind == "attention")
    return sum(array_bits([work], plan.engine("array")).values())


def test_what_is_on_chip_does_not_grow_with_the_keys():
    plans = [
        made(attention(64, length=length, memory="external"), memory=Memory(128, 20, 4096))
        for length in (256, 1024, 16384)
    ]
    assert len({plan.buffers for plan in plans}) == 1
    assert len({array_kept(plan) for plan in plans}) == 1


def test_sizes_of_a_tile_are_whole_beats():
    qgraph = attention(128, tile=8, memory="external")
    with pytest.raises(SpecError) as error:
        made(qgraph, memory=Memory(256, 20, 64))
    (found,) = error.value.diagnostics
    assert (found.code, found.where) == ("HG424", MARK)
    assert "tile of 8 keys" in found.message
    assert "port_bits: 128 or less, or tile: 16" in found.hint
    assert made(qgraph, memory=Memory(128, 20, 64)).memory is not None


def test_one_port_serves_codes_of_one_width():
    layers = [
        {"name": name, "op": "attention", "in": ["x", "x", "x"], "heads": 2, "causal": True}
        | {"cache": {"length": 64, "bits": bits, "memory": "external"}}
        for name, bits in (("a", 8), ("b", 4))
    ]
    graph = make_graph({"x": (1, 64)}, layers, outputs=("a", "b"))
    with pytest.raises(SpecError) as error:
        made(quantize(graph, make_spec(graph)), memory=Memory(128, 20, 64))
    (found,) = error.value.diagnostics
    assert (found.code, found.where) == ("HG432", MARK)
    assert "4 and 8 bits" in found.message


@pytest.mark.parametrize("rows", [8, 16, 64])
@pytest.mark.parametrize("elements", [2, 8, 64])
@pytest.mark.parametrize("columns", [1, 40])
def test_the_array_keeps_the_sizes_that_are_counted(rows, elements, columns):
    attend = Attend(1, 256, 1, 1, elements, elements, rows, cached=True, kv4=True)
    shape = SimpleNamespace(rows=rows, columns=columns, lanes=rows, beat=1, scores=1)
    task = SimpleNamespace(
        kind="attention",
        inner=elements,
        features=elements,
        lane=SimpleNamespace(kv4=True),
        operands_stay=False,
    )
    found = size_places(attend, ArraySize(rows, columns, rows, 1))
    assert found == Geometry(shape, task).size_places
    assert found & (found - 1) == 0 < found


def test_the_buffer_shrinks():
    eight, four = (made(attention(64, bits, length=256)) for bits in (8, 4))
    saved = onchip_bits(eight)["buffers"] - onchip_bits(four)["buffers"]
    # Half of 256 keys and values of 64 codes, less a size of 8 bits for each of 2 heads, a row
    # that waits for its size, and the sizes of up to 8 tiles of 16 keys and values.
    assert saved > 256 * 2 * (64 * 4 - 2 * 8) - 64 * 16 - 2 * 8 * 16 * 8
