"""Foldings: what is legal, what is fastest, and what the user fixes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.errors import SpecError
from hwgen.plan.cost import (
    group_beats,
    groups_of,
    issue_cycles,
    length_of,
    side_of,
    steps_of,
)
from hwgen.plan.diagonal import side_by_side
from hwgen.plan.folding import cheapest, legal_rows, mac_options, mac_sizes
from hwgen.plan.model import Fold
from hwgen.quant.model import QGraph
from support.plan_graphs import MARK, Net, digits_cnn, digits_mlp, plan, works


def conv_net(channels: int, size: int, out: int, kernel: int, groups: int) -> QGraph:
    net = Net(x=(channels * groups, size, size))
    net.conv("c", "x", out * groups, kernel, groups=groups)
    return net.qgraph()


def every_fold(work):
    """Yield each legal fold of a mac work, by brute force."""
    for rows, elements, outputs in product(
        legal_rows(work), range(1, work.elements + 1), range(1, work.outputs + 1)
    ):
        lanes = 1
        while work.outputs % lanes == 0 and (outputs == work.outputs or outputs % lanes == 0):
            yield Fold(rows, elements, outputs, lanes)
            lanes *= 2
    if work.channel.count == 1 and work.reduce[0].count > 1:
        for elements, outputs in product(range(1, work.elements + 1), range(1, work.outputs + 1)):
            lanes = 1
            while work.outputs % lanes == 0 and (outputs == work.outputs or outputs % lanes == 0):
                yield Fold(1, elements, outputs, lanes, flat=True)
                lanes *= 2
    for rows, groups in product(legal_rows(work), range(2, work.channel.count + 1)):
        lanes, whole = 1, work.channel.count * work.outputs
        while whole % lanes == 0 and (groups * work.outputs) % lanes == 0:
            yield Fold(rows, work.elements, work.outputs, lanes, groups=groups)
            lanes *= 2


@given(
    st.integers(1, 6), st.integers(3, 5), st.integers(1, 8), st.integers(1, 3), st.integers(1, 5)
)
@settings(max_examples=40, derandomize=True, deadline=None, database=None)
def test_the_front_has_the_fewest_cycles_of_every_budget(channels, size, out, kernel, groups):
    work = works(conv_net(channels, size, out, kernel, groups))["c"]
    folds = list(every_fold(work))
    whole = work.segments * work.elements * work.outputs * work.channel.count
    front = cheapest(mac_options(work, whole))
    for option in front:
        assert option.cycles == issue_cycles(work, option.fold)
    for budget in {1, 2, 3, 5, 8, 13, 21, 34, whole}:
        best = min(issue_cycles(work, f) for f in folds if f.multipliers <= budget)
        ours = min(option.cycles for option in front if option.multipliers <= budget)
        assert ours == best


def test_sizes_are_the_least_for_each_number_of_parts():
    for length in range(1, 70):
        wanted = {-(-length // parts) for parts in range(1, length + 1)}
        assert mac_sizes(length, length) == sorted(wanted)
        assert mac_sizes(length, 5) == [size for size in sorted(wanted) if size <= 5]


def test_issue_cycles_by_hand():
    work = works(conv_net(4, 5, 6, 3, 1))["c"]  # 3 x 3 positions, 3 rows of 12 elements, 6 outputs
    assert issue_cycles(work, Fold()) == 9 * 6 * 36
    assert issue_cycles(work, Fold(3, 12, 6, 2)) == 9 * 3  # 3 beats leave for each step
    assert issue_cycles(work, Fold(1, 5, 4, 2)) == 9 * 2 * (3 * 3)
    assert group_beats(work, Fold(1, 5, 4, 2)) == (2, 1)
    assert (steps_of(work, Fold(3, 5, 1)), length_of(work, Fold(3, 5, 1))) == (3, 3)


def total(model):
    return sum(task.cycles for task in model.tasks if task.engine == "mac")


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 16, 50])
def test_the_shared_fold_is_the_fastest_there_is(budget):
    net = Net(x=(2, 4, 4))
    net.conv("a", "x", 6, 2)
    net.conv("b", "a", 4, 3)
    net.linear("c", "b", 5)
    model = plan(net.qgraph(), "sequential", budget)
    mine = works(net.qgraph())
    best = min(
        sum(issue_cycles(work, Fold(1, p, po)) for work in mine.values())
        for p in range(1, budget + 1)
        for po in range(1, budget // p + 1)
    )
    assert model.multipliers <= budget
    assert total(model) <= best  # beats can be wider than one element


@pytest.mark.parametrize("graph", [digits_cnn, digits_mlp])
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_more_multipliers_never_make_it_slower(graph, schedule):
    budgets = [3, 4, 6, 9, 16, 33, 64, 100, 256, 500, 2000]
    models = [plan(graph(), schedule, budget) for budget in budgets]
    # Sequential: latency of pipeline fill differs by a few cycles; issue cycles are what folds.
    cycles = [total(m) if schedule == "sequential" else m.prediction.interval for m in models]
    assert cycles == sorted(cycles, reverse=True)
    assert all(m.multipliers <= b for m, b in zip(models, budgets, strict=True))


def test_full_unrolling_gives_a_position_a_cycle():
    net = Net(x=(4, 6, 6))
    net.conv("c", "x", 8, 3, pad=1)
    model = plan(net.qgraph(), "dataflow", 3 * 12 * 8)
    assert model.engine("c").fold == Fold(3, 12, 8, 8)
    assert model.multipliers == 3 * 12 * 8
    assert model.prediction.interval == 36
    assert model.input_lanes == {"x": 4}


def test_full_unrolling_of_a_matrix_takes_a_tensor_a_cycle():
    net = Net(x=(16,))
    net.linear("fc", "x", 8)
    model = plan(net.qgraph(), "dataflow", 128)
    assert model.prediction.interval == 1
    assert model.input_lanes == {"x": 16}


# -- what the user fixes --------------------------------------------------------------------------


def test_a_fixed_folding_is_kept():
    model = plan(digits_cnn(), "dataflow", 64, conv1=(3, 2, None), fc=(1, 10, 3))
    assert model.engine("conv1").fold.rows == 3
    assert model.engine("conv1").fold.elements == 2
    fold = model.engine("fc").fold
    assert (fold.rows, fold.elements, fold.outputs) == (1, 10, 3)
    # 64 inputs in 7 words of 10, 10 outputs in 4 groups of 3: the rest is padding.
    assert model.task("fc").cycles == 28
    assert model.task("fc").bound == "fill"


def caught(schedule, multipliers, **folding):
    with pytest.raises(SpecError) as error:
        plan(digits_cnn(), schedule, multipliers, **folding)
    return error.value.diagnostics


def test_illegal_foldings_are_all_refused_with_legal_values():
    found = caught("dataflow", 64, conv1=(2, 9, 0), pool1=(1, 1, 1), nosuch=(1, 1, 1))
    assert all(item.where == MARK for item in found)
    assert [(item.code, item.message) for item in found] == [
        ("HG402", "folding of conv1 has rows 2"),
        (
            "HG403",
            "folding of conv1 has elements 9, but there are 3 contiguous elements of a window",
        ),
        ("HG404", "folding of conv1 has outputs 0, but there are 8 outputs of a group"),
        ("HG405", "folding of pool1, which has no multiplications by a weight"),
        ("HG406", "folding of nosuch, which is not a layer of the integer graph"),
    ]
    hints = [item.hint for item in found]
    assert hints[:3] == [
        "legal: 1 or 3",
        "legal: 1 to 3; without padding: 1, 3",
        "legal: 1 to 8; without padding: 1, 2, 4, 8",
    ]


def depthwise(channels=6):
    net = Net(x=(channels, 5, 5))
    net.conv("c", "x", channels, 3, groups=channels, pad=1)
    return net.qgraph()


def test_words_that_run_on_from_row_to_row():
    work = works(conv_net(4, 5, 6, 3, 1))["c"]  # 3 x 3 positions, 3 rows of 12 elements
    fold = Fold(1, 5, 2, 1, flat=True)
    assert steps_of(work, fold) == 8  # 36 / 5, where rows of their own take 3 * 3
    assert issue_cycles(work, fold) == 9 * 3 * 8
    assert fold.copies == 2
    net = Net(x=(4, 5, 5))
    net.conv("c", "x", 6, 3, pad=1)
    # Rows 1 and 2 are elements 12 to 35, words 2 to 7; rows 0 and 1 are words 0 to 4.
    assert issue_cycles(works(net.qgraph())["c"], fold) == 3 * 5 * (6 + 3 * 8 + 5)


def test_groups_side_by_side():
    model = plan(depthwise(), "dataflow", 64, c=(1, None, None, 4))
    fold = model.engine("c").fold
    assert (fold.groups, fold.rows, fold.elements, fold.outputs) == (4, 1, 1, 1)
    assert model.multipliers == 4
    assert model.task("c").cycles == 2 * 13**2  # 2 + 3 + 3 + 3 + 2 taps inside on each axis
    assert model.task("c").bound == "fill"  # the second part has 2 of 4 groups
    whole = plan(depthwise(), "dataflow", 1000)
    assert (whole.engine("c").fold.groups, whole.multipliers) == (6, 18)


@pytest.mark.parametrize("values", [(1, None, None, 7), (1, None, None, 0)])
def test_groups_that_are_not_there_are_refused(values):
    with pytest.raises(SpecError) as error:
        plan(depthwise(), "dataflow", 64, c=values)
    (found,) = error.value.diagnostics
    assert (found.code, found.message) == ("HG450", f"folding of c has groups {values[3]}")
    assert found.hint.startswith("legal: 1 to 6")


def test_several_parts_of_groups_are_refused():
    net = Net(x=(8, 5, 5))
    net.conv("c", "x", 8, 3, groups=2)
    with pytest.raises(SpecError) as error:
        plan(net.qgraph(), "dataflow", 64, c=(1, 2, None, 2))
    (found,) = error.value.diagnostics
    assert found.message == "folding of c has groups 2, but not whole groups"


@pytest.mark.parametrize(
    ("groups", "outputs", "elements", "fold", "side"),
    [
        (6, 1, 1, Fold(1, 4, 3), 3),
        (6, 2, 3, Fold(1, 7, 5), 2),
        (3, 2, 3, Fold(1, 20, 20), 3),
        (6, 1, 2, Fold(1, 1, 8), 1),
    ],
)
def test_groups_on_a_larger_engine_are_a_block_diagonal(groups, outputs, elements, fold, side):
    net = Net(x=(groups * elements, 4, 4))
    net.conv("c", "x", groups * outputs, 3, groups=groups)
    work = works(net.qgraph())["c"]
    rng = np.random.default_rng(groups)
    weights = rng.integers(-8, 8, (groups * outputs, 9, elements))
    dense, merged = side_by_side(weights, work, fold)
    assert side_of(work, fold) == side
    assert groups_of(work, fold) == -(-groups // side) * -(-outputs // fold.outputs)
    assert sum(group_beats(work, replace(fold, lanes=1))) == groups * outputs
    channels = rng.integers(-8, 8, (9, groups * elements))
    for part in range(merged.channel.count):
        first = part * merged.elements
        window = channels[:, first : first + merged.elements]
        for k in range(merged.outputs):
            output = part * merged.outputs + k
            row = dense[output][:, : window.shape[1]]
            if output >= groups * outputs:
                assert not dense[output].any()
                continue
            own = output // outputs * elements
            wanted = weights[output] * channels[:, own : own + elements]
            assert (row * window).sum() == wanted.sum()


def test_a_sequential_plan_takes_depthwise_layers_side_by_side():
    net = Net(x=(8, 6, 6))
    net.conv("d", "x", 8, 3, groups=8)
    net.conv("p", "d", 8, 1)
    model = plan(net.qgraph(), "sequential", 64)
    assert model.engine("mac").fold == Fold(1, 8, 8, 8)
    assert model.task("d").cycles == 16 * 9  # all 8 channels in each step


def test_sequential_refuses_foldings():
    (found,) = caught("sequential", 64, conv1=(1, 1, 1))
    assert found.code == "HG407"
    assert "all layers share one engine" in found.message
    assert found.hint.startswith("schedule: dataflow")


def test_a_budget_below_one_multiplier_per_layer_is_refused():
    (found,) = caught("dataflow", 2)
    assert (found.code, found.where) == ("HG401", MARK)
    assert found.message.startswith("schedule dataflow with 2 multipliers, but 3 layers")
    assert found.hint == "multipliers: 3 or more, or schedule: sequential, which needs 1"


def test_fixed_foldings_count_against_the_budget():
    (found,) = caught("dataflow", 20, conv2=(3, 8, None))
    assert found.code == "HG401"
    assert "folding fixes conv2 24" in found.message
    assert found.hint.startswith("multipliers: 26 or more")
    assert plan(digits_cnn(), "dataflow", 26, conv2=(3, 8, None)).multipliers <= 26
