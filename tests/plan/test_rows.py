"""Row engines in plans: cycles, lanes, storage and words."""

import pytest

from hwgen.ops.rows import row_work
from hwgen.plan.cost import group_beats, groups_of, issue_cycles, length_of, steps_of, template_of
from hwgen.plan.memory import onchip_bits
from hwgen.plan.model import Fold
from hwgen.plan.reasons import bound_of, explain
from support.plan_graphs import Net, plan


@pytest.mark.parametrize(
    ("kind", "features", "lanes", "length"),
    [("norm", 256, 4, 64), ("norm", 256, 8, 55), ("softmax", 256, 8, 32), ("softmax", 10, 2, 24)],
)
def test_a_group_is_a_row(kind, features, lanes, length):
    work, fold = row_work(kind, (6, features)), Fold(lanes=lanes)
    beats = features // lanes
    assert template_of(work) == "row"
    assert (steps_of(work, fold), group_beats(work, fold)) == (beats, (beats,))
    assert (groups_of(work, fold), length_of(work, fold)) == (1, length)
    assert issue_cycles(work, fold) == 6 * length
    assert bound_of("row", work, fold) == ("lanes" if length == beats else "unit")


def test_the_unit_of_a_row_is_named():
    fold = Fold(lanes=8)
    assert explain("row", row_work("norm", (6, 64)), fold) == (
        "bound by one root per row, which takes 55 cycles"
    )
    assert explain("row", row_work("softmax", (6, 64)), fold) == (
        "bound by one division per row, which takes 24 cycles"
    )
    assert explain("row", row_work("norm", (6, 1024)), fold) == "bound by 8 lanes"


def rows_net():
    net = Net(x=(6, 256))
    net.rows("y", "layer_norm", "x")
    return net.qgraph()


def test_no_lanes_beyond_those_that_the_root_keeps_busy():
    model = plan(rows_net(), "sequential", 4)
    assert model.engine("row").fold.lanes == 8
    # Overhead and load, then the row engine, then the store: see docs/architecture.md.
    (task,) = model.tasks
    assert task.cycles == 6 * 55
    loads, stores = 1536 // model.input_lanes["x"], 1536 // model.output_lanes["y"]
    work = 330 - (55 - 32) + (67 + 2) + 32 - 1
    assert model.prediction.latency == loads + 2 + work + 2 + stores + 2


def test_rows_overlap_in_a_dataflow_plan():
    model = plan(rows_net(), "dataflow", 1)
    assert model.prediction.interval == max(6 * 55, 1536 // model.input_lanes["x"])


@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_waiting_rows_and_gains_count_as_storage(schedule):
    model = plan(rows_net(), schedule, 4)
    (engine,) = model.engines
    beats = 256 // engine.fold.lanes
    parts = onchip_bits(model)
    assert parts["channels"] == 256 * 64
    buffers = sum(item.elements * item.bits for item in model.buffers)
    buffers += sum(item.depth * item.bits for item in model.channels)
    tree = (engine.fold.lanes.bit_length()) // 2
    assert parts["buffers"] - buffers == (beats + 59 + tree) * 9 * engine.fold.lanes
