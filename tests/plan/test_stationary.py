"""Which linear layers of an array are operand stationary, and what that costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwgen.plan import make_plan
from hwgen.plan.check import problems
from hwgen.plan.cost import array_cycles, padded_cycles
from hwgen.plan.memory import array_bits, onchip_bits
from hwgen.plan.model import Engine, Fold
from hwgen.plan.stationary import array_total, staying
from hwgen.plan.text import describe
from hwgen.quant.model import QGraph
from rtl_templates.arith.requantize import Scale
from rtl_templates.systolic.foot import Foot
from rtl_templates.systolic.geometry import Geometry
from rtl_templates.systolic.task import ArrayShape, ArrayTask
from support.plan_graphs import Net, accelerator, plan, works


def ragged(tokens: int = 12, inner: int = 64, features: int = 12) -> QGraph:
    """Return attention on a linear layer whose features fill no whole tiles of 8."""
    net = Net(x=(tokens, inner))
    net.linear("q", "x", features, signed=True)
    net.attention("a", "q", "q", "q", heads=1, tile=8)
    net.linear("o", "a", inner)
    return net.qgraph()


def test_a_layer_is_what_its_exact_cycles_say() -> None:
    made = plan(ragged(), "sequential", 32)
    fold = made.engine("array").fold
    stays = {task.node: task.stays for task in made.tasks}

    assert stays == {"q": True, "a": False, "o": False}
    assert not fold.stays
    for task in made.tasks:
        cycles = array_cycles(task.work, made.fold(task))
        assert task.cycles == cycles
        if task.work.kind == "mac":
            other = replace(fold, stays=not task.stays)
            assert cycles <= array_cycles(task.work, other)
            assert padded_cycles(task.work, made.fold(task)) <= padded_cycles(task.work, other)
    text = describe(made)
    assert "operand stationary" in text
    assert "output stationary" in text


def test_whole_tiles_are_output_stationary() -> None:
    made = plan(ragged(inner=64, features=16), "sequential", 32)
    assert not any(task.stays for task in made.tasks)


def test_a_gain_that_is_next_to_nothing_is_left() -> None:
    fold = Fold(8, 1, 4, 4)
    layers = works(ragged())
    others = [(f"o{k}", layers["o"]) for k in range(200)]

    assert staying([("q", layers["q"])], fold) == {"q"}
    assert staying([("q", layers["q"]), *others], fold) == frozenset()
    counts = {layers["q"]: 1, layers["o"]: 200}
    assert array_total(counts, fold) == sum(n * array_cycles(w, fold) for w, n in counts.items())
    assert array_total({layers["q"]: 1}, fold) == array_cycles(
        layers["q"], replace(fold, stays=True)
    )
    assert array_total({layers["q"]: 1}, fold, stationary=False) == array_cycles(layers["q"], fold)


def test_a_layer_is_the_same_for_all_lengths() -> None:
    """One token alone would be slower."""
    fold = Fold(8, 1, 16, 4)
    many, one = (works(ragged(tokens, 17, 12))["q"] for tokens in (160, 1))

    assert staying([("q", one)], fold) == frozenset()
    assert staying([("q", many), ("q", one)], fold) == {"q"}


@pytest.mark.parametrize(("inner", "features"), [(64, 12), (8, 20), (5, 12), (21, 36)])
@pytest.mark.parametrize("reads", [8, 32])
def test_what_stays_is_counted_as_the_array_keeps_it(inner: int, features: int, reads: int) -> None:
    scale = Scale(1, 0, -128, 127)
    task = ArrayTask("linear", 12, inner, features, True, True, scale, operands_stay=True)
    shape = ArrayShape(8, 3, reads, 4, 8, 8, 9, 8, 24, 16, 8)
    work = works(ragged(12, inner, features))["q"]
    engine = Engine("array", "array", Fold(8, 1, 3, 4, 1, reads), 8, True, 8, 24, 8, 0)
    found = array_bits([], engine, [work])
    size = Geometry(shape, task)

    assert found["columns"] == 3 * size.column_depth * reads * 8
    assert found["results"] == 3 * size.words * 4 * 8
    assert found["sums"] == 3 * Foot(shape, [task]).depth * 24
    assert found["rows"] == 0


def test_a_budget_of_memory_may_forbid_it() -> None:
    qgraph = ragged(tokens=160, inner=24, features=17)
    limits = accelerator("sequential", 1280)
    free = make_plan(qgraph, limits)
    needed = sum(onchip_bits(free).values())
    budget = replace(limits.budget, onchip_kib=(needed - 1) // 8192)
    small = make_plan(qgraph, replace(limits, budget=budget))

    assert any(task.stays for task in free.tasks)
    assert not any(task.stays for task in small.tasks)
    assert sum(onchip_bits(small).values()) < needed
    assert small.prediction.interval > free.prediction.interval


def test_the_verifier_knows_what_may_stay() -> None:
    qgraph = ragged()
    made = plan(qgraph, "sequential", 32)
    tasks = tuple(replace(task, stays=not task.stays) for task in made.tasks)
    found = list(problems(replace(made, tasks=tasks), qgraph))

    assert "a is no linear layer on an array, and its operands stay" in found
    assert any(text.startswith("q takes") for text in found)
