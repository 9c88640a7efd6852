"""Whole plans: structure, storage, streams, limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwgen.errors import HwgenError, LimitError, SpecError
from hwgen.ops.types import QType
from hwgen.plan import Plan, check_plan, make_plan, predict, predict_outputs
from hwgen.plan.check import problems
from hwgen.plan.items import operand
from hwgen.plan.memory import onchip_bits
from hwgen.plan.text import describe
from hwgen.quant.model import QGraph
from support.plan_graphs import MARK, Net, accelerator, digits_cnn, digits_mlp, plan
from support.random_graphs import graphs

quick = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@given(st.data())
@quick
def test_every_plan_is_sound_and_the_same_each_time(data):
    qgraph = data.draw(graphs())
    least = max(1, sum(node.op in ("conv2d", "linear") for node in qgraph.nodes))
    budget = data.draw(st.sampled_from([least, 2 * least + 1, 10 * least, 200 * least]))
    for schedule in ("sequential", "dataflow"):
        model = plan(qgraph, schedule, budget)
        assert list(problems(model, qgraph)) == []
        assert model.multipliers <= budget
        assert 0 <= model.utilisation <= 1
        again = plan(qgraph, schedule, budget)
        assert vars(again) == vars(model)


@given(st.data())
@quick
def test_depths_never_bound_the_interval(data):
    qgraph = data.draw(graphs())
    least = max(1, sum(node.op in ("conv2d", "linear") for node in qgraph.nodes))
    model = plan(qgraph, "dataflow", data.draw(st.sampled_from([least, 6 * least, 60 * least])))
    beats = [qgraph.tensor(name).elements // lanes for name, lanes in model.input_lanes.items()]
    slowest = max(*(task.cycles for task in model.tasks), *beats)
    # A pause of the window at the turn of a tensor can cost a few cycles, never more.
    assert slowest <= model.prediction.interval <= 1.1 * slowest + 4


# -- sequential -----------------------------------------------------------------------------------


def test_sequential_phases_and_their_cycles_by_hand():
    net = Net(x=(8,))
    net.linear("fc", "x", 4)
    net.relu("r", "fc")
    model = plan(net.qgraph(), "sequential", 4)
    assert [phase.tasks for phase in model.phases] == [("fc",), ("r",)]
    fold, lanes = model.engine("mac").fold, model.engine("vector").fold.lanes
    assert (fold.multipliers, model.task("fc").cycles) == (4, 8)
    load = 2 + 8 // model.input_lanes["x"]
    levels = {1: 0, 2: 1, 4: 1}[fold.elements]
    length = 8 // (4 // fold.outputs)
    steps = 8 // fold.elements
    beats = fold.outputs // fold.lanes
    first = 2 + 8 - length + steps + 7 + levels + beats - 1
    second = 2 + 4 // lanes + 5
    store = 2 + 4 // model.output_lanes["r"]
    assert model.prediction.interval == load + first + second + store
    # The first LOAD's overhead comes before cycle 0, the last beat leaves 2 cycles after its read.
    assert model.prediction.latency == model.prediction.interval - 2 + 2
    assert predict(model, 3) == [
        model.prediction.latency - 1 + k * model.prediction.interval for k in range(3)
    ]


def test_sequential_concat_is_a_copy_per_input():
    net = Net(x=(4, 3, 3))
    net.relu("a", "x")
    net.pool("p", "x", 1, 1)
    net.concat("c", "a", "p", "x")
    model = plan(net.qgraph(), "sequential", 1)
    copies = [task for task in model.tasks if task.node == "c"]
    assert [task.name for task in copies] == ["c_P0", "c_P1", "c_P2"]
    assert [task.reads for task in copies] == [("a",), ("p",), ("x",)]
    assert [(task.write_offset, task.write_stride) for task in copies] == [
        (0, 12),
        (4, 12),
        (8, 12),
    ]
    assert all(task.work.kind == "copy" and task.work.results == 36 for task in copies)
    assert {engine.name for engine in model.engines} == {"vector"}


def test_sequential_tensors_share_addresses():
    model = plan(digits_cnn(), "sequential", 16)
    (buffer,) = model.buffers
    # conv1's output (512) and its successor pool1 (128) are the largest neighbours.
    assert buffer.elements == 512 + 128
    assert sum(place.elements for place in model.placements) > buffer.elements


def test_operands_of_mixed_signs_need_one_more_bit():
    net = Net(x=(8,))
    net.linear("a", "x", 8, signed=True)
    net.linear("b", "a", 4)
    qgraph = net.qgraph()
    shared = plan(qgraph, "sequential", 2).engine("mac")
    assert (shared.in_bits, shared.in_signed) == (9, True)
    model = plan(qgraph, "dataflow", 2)
    assert [(e.in_bits, e.in_signed) for e in model.engines] == [(8, False), (8, True)]
    assert operand([QType(4, False, 1.0), QType(8, True, 1.0)]) == (8, True)


def test_two_inputs_and_two_outputs():
    net = Net(x=(4, 2, 2), y=(4, 2, 2))
    net.add("s", "x", "y")
    net.relu("r", "s")
    for schedule in ("sequential", "dataflow"):
        model = plan(net.qgraph("s", "r"), schedule, 1)
        assert set(model.input_lanes) == {"x", "y"}
        assert set(predict_outputs(model, 2)) == {"s", "r"}


# -- the verifier ---------------------------------------------------------------------------------


def broken(model: Plan, qgraph: QGraph) -> str:
    with pytest.raises(HwgenError) as error:
        check_plan(model, qgraph)
    assert error.value.code == "HG410"
    return str(error.value)


def test_the_verifier_finds_mistakes_in_dataflow_plans():
    qgraph = digits_cnn()
    model = plan(qgraph, "dataflow", 16)
    channels = model.channels

    def with_channel(k, **changes):
        changed = [replace(c, **changes) if i == k else c for i, c in enumerate(channels)]
        return replace(model, channels=tuple(changed))

    assert "it needs" in broken(with_channel(0, depth=channels[0].banks), qgraph)
    assert "banks instead of" in broken(with_channel(2, banks=channels[2].banks // 2), qgraph)
    assert "do not fill banks" in broken(with_channel(0, depth=channels[0].depth + 1), qgraph)
    assert "does not have its type" in broken(with_channel(0, bits=9), qgraph)
    assert "does not fit its source" in broken(with_channel(1, lanes=8, banks=8), qgraph)
    assert "does not get image" in broken(with_channel(0, port=1), qgraph)
    assert "no task" in broken(replace(model, tasks=model.tasks[:-1]), qgraph)
    assert "no engine fc" in broken(replace(model, engines=model.engines[:-1]), qgraph)
    slow = (replace(model.tasks[0], cycles=1), *model.tasks[1:])
    assert "cycles, not 1" in broken(replace(model, tasks=slow), qgraph)
    thin = (replace(model.engines[0], out_depth=0), *model.engines[1:])
    assert "does not hold a group" in broken(replace(model, engines=thin), qgraph)
    fold = replace(model.engines[0].fold, rows=2)
    folded = (replace(model.engines[0], fold=fold), *model.engines[1:])
    assert "cannot be folded 2 x" in broken(replace(model, engines=folded), qgraph)
    with pytest.raises(HwgenError, match="but the budget is 15"):
        check_plan(model, qgraph, 15)


def test_the_verifier_finds_mistakes_in_sequential_plans():
    qgraph = digits_cnn()
    model = plan(qgraph, "sequential", 16)

    def moved(tensor, address):
        places = [
            replace(p, address=address) if p.tensor == tensor else p for p in model.placements
        ]
        return replace(model, placements=tuple(places))

    clash = model.placement("conv1").address
    assert "live together and overlap" in broken(moved("pool1", clash), qgraph)
    assert "unaligned or outside" in broken(moved("fc", 3), qgraph)
    assert "unaligned or outside" in broken(moved("fc", model.buffers[0].elements), qgraph)
    narrow = replace(model.buffers[0], banks=1)
    assert "1 banks for accesses of" in broken(replace(model, buffers=(narrow,)), qgraph)
    backwards = replace(model, phases=model.phases[::-1])
    assert "runs before its input" in broken(backwards, qgraph)
    assert "do not divide" in broken(replace(model, input_lanes={"image": 3}), qgraph)


# -- limits and words -----------------------------------------------------------------------------


def test_onchip_memory_is_counted_and_limited():
    qgraph = digits_mlp()
    model = plan(qgraph, "sequential", 4)
    parts = onchip_bits(model)
    assert parts["weights"] == (64 * 32 + 32 * 10) * 4
    assert parts["channels"] == 42 * (20 + 16)
    assert parts["buffers"] == (64 + 32) * 8
    assert parts["fifos"] == 0
    assert make_plan(qgraph, accelerator("sequential", 4, 2)).multipliers == 4
    with pytest.raises(LimitError) as error:
        make_plan(qgraph, accelerator("sequential", 4, 1))
    (found,) = error.value.diagnostics
    assert (found.code, found.where) == ("HG408", MARK)
    assert found.message == (
        "the plan keeps 1.4 KiB on chip (weights 1.2, channels 0.2, buffers 0.1, fifos 0.0), "
        "but onchip_kib is 1"
    )
    assert found.hint.startswith("onchip_kib: 2 or more")


def test_more_engines_than_counters_are_refused():
    net = Net(x=(4,))
    layers = ["x", *(f"r{k}" for k in range(125))]
    for name, source in zip(layers[1:], layers, strict=False):
        net.relu(name, source)
    qgraph = net.qgraph()
    with pytest.raises(LimitError, match="at most 124") as error:
        plan(qgraph, "dataflow", 1)
    (found,) = error.value.diagnostics
    assert (found.code, found.where) == ("HG411", MARK)
    assert len(plan(qgraph, "sequential", 1).tasks) == 125


def test_unknown_schedules_are_refused():
    with pytest.raises(SpecError, match="HG409") as error:
        make_plan(digits_mlp(), accelerator("auto", 4))
    assert error.value.diagnostics[0].hint == "legal: sequential, dataflow"


def test_the_plan_says_why():
    sequential = plan(digits_cnn(), "sequential", 64)
    assert "4 beats of 2 leave per group" in sequential.phases[0].why
    assert "alone it would take 176 cycles" in sequential.phases[0].why
    assert sequential.task("conv1").bound == "output"
    dataflow = plan(digits_cnn(), "dataflow", 64)
    (phase,) = dataflow.phases
    assert phase.why.startswith("interval 352: conv1 issues 352 cycles per tensor")
    faster = plan(digits_cnn(), "dataflow", 66)
    assert "interval 320 would take 66 multipliers, the budget is 64" in phase.why
    assert (faster.prediction.interval, faster.multipliers) == (320, 66)


@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_the_text_names_everything(schedule):
    model = plan(digits_cnn(), schedule, 16)
    text = describe(model)
    for name in ("image", "conv1", "pool1", "conv2", "pool2", "fc"):
        assert name in text
    assert f"latency {model.prediction.latency} cycles" in text
    assert f"interval {model.prediction.interval} cycles" in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_copy_task_is_never_named_like_a_layer():
    net = Net(x=(4, 3, 3))
    net.relu("c_0", "x")
    net.concat("c", "c_0", "x")
    model = plan(net.qgraph(), "sequential", 1)
    names = [task.name for task in model.tasks]
    assert len(set(names)) == len(names)
