"""Packed multipliers in plans: which ones, for whom, and what the weight memory holds."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from hwgen.board.synth import SYNTH_FAMILIES
from hwgen.errors import SpecError
from hwgen.plan import make_plan
from hwgen.plan.memory import onchip_bits
from hwgen.plan.model import PLAIN, Multiplier
from hwgen.plan.multipliers import PORTS, digits, needed
from hwgen.plan.text import describe
from hwgen.spec.document import AcceleratorDoc
from support.plan_graphs import accelerator, digits_cnn, digits_mlp


def packed(schedule="dataflow", multipliers=64, family="ecp5", **keys):
    qgraph = digits_cnn()
    spec = replace(accelerator(schedule, multipliers), family=family, **keys)
    return make_plan(qgraph, spec), make_plan(qgraph, replace(spec, multiplier="plain"))


def test_families_are_those_of_specs_and_of_synthesis():
    literal = get_args(AcceleratorDoc.model_fields["family"].annotation)[0]
    assert sorted(PORTS) == sorted(get_args(literal)) == sorted(SYNTH_FAMILIES)


@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
@pytest.mark.parametrize("family", PORTS)
def test_packing_takes_fewer_multipliers_and_no_more_cycles(schedule, family):
    plan, plain = packed(schedule, family=family, multiplier="packed")
    assert plan.hard_multipliers < plain.hard_multipliers == plain.multipliers
    assert plan.multipliers == plain.multipliers
    assert max(task.cycles for task in plan.tasks) == max(task.cycles for task in plain.tasks)
    assert plan.prediction.interval == plain.prediction.interval
    in_tables, _ = packed(schedule, family=None, multiplier="lut")
    assert in_tables.prediction == plain.prediction
    assert in_tables.hard_multipliers == 0
    for engine in plan.engines:
        assert engine.multiplier.weights <= max(1, engine.fold.outputs)
    assert f"{plan.hard_multipliers} of the device" in describe(plan)
    more = onchip_bits(plan)["weights"] - onchip_bits(plain)["weights"]
    assert more <= onchip_bits(plain)["weights"] // 4  # digits of [-8, 7] have 5 bits


def test_auto_packs_where_the_board_has_too_few():
    plain = packed(multiplier="auto", parts=10_000)[0]
    assert plain.hard_multipliers == plain.multipliers
    enough = packed(multiplier="auto", parts=needed(plain))[0]
    assert enough.engines == plain.engines
    short = packed(multiplier="auto", parts=needed(plain) - 1)[0]
    assert short.hard_multipliers < plain.hard_multipliers
    few = packed(multiplier="auto", parts=needed(short) - 1)[0]
    kinds = {engine.name: engine.multiplier.kind for engine in few.engines}
    assert "lut" in kinds.values()
    assert "packed" in kinds.values()  # no more of them than it takes
    assert needed(few) <= needed(short) - 1
    none = packed(multiplier="auto", parts=0)[0]
    assert none.hard_multipliers == 0
    assert packed(multiplier="auto", family=None)[0].hard_multipliers == plain.hard_multipliers


def test_packing_needs_a_family():
    with pytest.raises(SpecError, match="HG480"):
        packed(multiplier="packed", family=None)


@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_folds_let_weights_share_multipliers(schedule):
    spec = replace(accelerator(schedule, 16), family="ecp5")
    plain = make_plan(digits_mlp(), spec)
    plan = make_plan(digits_mlp(), replace(spec, multiplier="packed"))
    assert plan.multipliers == plain.multipliers
    assert max(t.cycles for t in plan.tasks) == max(t.cycles for t in plain.tasks)
    assert max(e.fold.outputs for e in plan.engines) > max(e.fold.outputs for e in plain.engines)
    most = {"sequential": 0.5, "dataflow": 0.95}[schedule]  # few folds are the cheapest of a layer
    assert plan.hard_multipliers <= most * plain.hard_multipliers


@pytest.mark.parametrize("count", [2, 3, 4])
def test_digits_side_by_side_are_the_sum_of_shifted_weights(count):
    pitch, rng = 9, np.random.default_rng(count)
    codes = rng.integers(-8, 8, (5, 7, 3))
    stored = digits(codes, 1, Multiplier("packed", count, pitch))
    for first in range(0, 7, count):
        part, given = stored[:, first : first + count], codes[:, first : first + count]
        places = np.arange(part.shape[1])
        raw = part & ((1 << pitch) - 1)
        raw[:, -1] = part[:, -1]
        shifts = (pitch * places)[None, :, None]
        assert np.array_equal((raw << shifts).sum(axis=1), (given << shifts).sum(axis=1))
    assert stored.min() >= -9
    assert digits(codes, 1, PLAIN) is codes
