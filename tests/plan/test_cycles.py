"""The recurrences of the cycle model against a simulator of the same contract."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwgen.plan import Plan, predict, predict_outputs
from hwgen.plan.cycles import prediction
from hwgen.plan.events import DeadlockError, Events
from hwgen.plan.window import minimum_depth
from hwgen.quant.model import QGraph
from support.cycle_sim import simulate
from support.plan_graphs import Net, digits_cnn, digits_mlp, plan
from support.random_graphs import graphs

TENSORS = 4


def transfers(model: Plan, tensors: int) -> dict[str, int]:
    counts = {}
    for channel in model.channels:
        if not channel.sink:
            elements = model.task(channel.tensor).work.results
            counts[channel.tensor] = tensors * elements // channel.lanes
    return counts


def agree(model: Plan, tensors: int = TENSORS) -> bool:
    """Compare every event with the simulator; return whether the plan runs at all."""
    counts = transfers(model, tensors)
    simulated = simulate(model, counts)
    events = Events(model)
    if simulated is None:
        with pytest.raises(DeadlockError):
            events.run(tensors)
        return False
    events.run(tensors)
    taken = {
        sink.channel.tensor: sink.take
        for source in events.sources.values()
        for sink in source.sinks
        if not sink.channel.sink
    }
    for name, count in counts.items():
        assert taken[name][:count] == simulated.transfers[name][:count]
    for engine in events.engines:
        # The simulator feeds more tensors than asked for; the recurrences stop at the last one.
        starts = simulated.starts[engine.name]
        shared = min(len(starts), len(engine.start))
        assert engine.start[:shared] == starts[:shared]
        assert shared >= engine.groups
    last = [
        max(simulated.transfers[name][(k + 1) * counts[name] // tensors - 1] for name in counts)
        for k in range(tensors)
    ]
    assert predict(model, tensors) == last
    return True


# -- random plans ---------------------------------------------------------------------------------


@given(st.data())
@settings(
    max_examples=120,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_recurrences_equal_the_simulated_contract(data):
    qgraph = data.draw(graphs())
    least = sum(node.op in ("conv2d", "linear") for node in qgraph.nodes)
    budget = data.draw(st.sampled_from([least, least + 3, 4 * least + 2, 40 * least + 1]))
    model = plan(qgraph, "dataflow", max(1, budget))
    assert agree(model)


@given(st.data())
@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_recurrences_equal_the_simulated_contract_when_depths_stall(data):
    qgraph = data.draw(graphs())
    least = sum(node.op in ("conv2d", "linear") for node in qgraph.nodes)
    model = plan(qgraph, "dataflow", max(1, least * data.draw(st.sampled_from([1, 5, 30]))))
    channels = []
    for channel in model.channels:
        depth = channel.depth
        if channel.sink:
            task = model.task(channel.sink)
            fold = model.engine(channel.sink).fold
            need = minimum_depth(task.work, fold, channel.port, channel.lanes)
            low = -(-need // channel.banks)
            depth = channel.banks * data.draw(
                st.integers(low, max(low, depth // channel.banks)), label=channel.sink
            )
        channels.append(replace(channel, depth=depth))
    engines = [
        replace(
            engine,
            out_depth=data.draw(
                st.integers(-(-engine.fold.outputs // engine.fold.lanes), engine.out_depth)
            ),
        )
        for engine in model.engines
    ]
    agree(replace(model, channels=tuple(channels), engines=tuple(engines)))


# -- known cases ----------------------------------------------------------------------------------


@pytest.mark.parametrize("multipliers", [3, 4, 16, 64, 256, 1024])
@pytest.mark.parametrize("graph", [digits_cnn, digits_mlp])
def test_digits_agree_with_the_simulator(graph, multipliers):
    assert agree(plan(graph(), "dataflow", multipliers), 3)


def test_one_engine_by_hand():
    # Eight features, one at a time; 2 x 2 products: 4 steps a group, 2 groups, 2 beats each.
    net = Net(x=(8,))
    net.linear("fc", "x", 4)
    model = plan(net.qgraph(), "dataflow", 4, fc=(1, 2, 2))
    engine = model.engine("fc")
    assert (engine.fold.lanes, model.input_lanes["x"]) == (1, 1)
    # Elements 0..7 are taken in cycles 0..7, so the first group starts in 8 and the second in
    # 12; its first beat enters the FIFO 3 + 7 + 1 cycles later, the second one cycle after that,
    # and is offered in the next cycle.
    assert predict(model, 1) == [12 + 3 + 8 + 1 + 1]
    assert model.prediction.latency == 26
    assert model.prediction.interval == 8


def test_extrapolation_equals_running():
    model = plan(digits_cnn(), "dataflow", 64)
    events = Events(model)
    events.run(40)
    assert predict(model, 40) == events.last()
    assert predict(model, 3) == events.last()[:3]


def test_every_output_is_predicted():
    net = Net(x=(2, 4, 4))
    net.relu("a", "x")
    net.pool("b", "a")
    model = plan(net.qgraph("a", "b"), "dataflow", 1)
    cycles = predict_outputs(model, 3)
    assert set(cycles) == {"a", "b"}
    assert predict(model, 3) == [max(pair) for pair in zip(*cycles.values(), strict=True)]


# -- joins ----------------------------------------------------------------------------------------


def skip() -> QGraph:
    net = Net(x=(4, 6, 6))
    net.conv("a", "x", 4, pad=1)
    net.conv("b", "a", 4, pad=1)
    net.add("sum", "b", "x")
    return net.qgraph()


@pytest.mark.parametrize("multipliers", [2, 9, 100, 1000])
def test_reconvergent_paths_finish_and_do_not_stall(multipliers):
    model = plan(skip(), "dataflow", multipliers)
    assert agree(model)
    assert model.prediction.interval == max(task.cycles for task in model.tasks)


def test_a_join_whose_buffer_is_cut_deadlocks():
    model = plan(skip(), "dataflow", 100)
    short = next(c for c in model.channels if (c.sink, c.tensor) == ("sum", "x"))
    cut = replace(short, depth=2 * short.banks)
    assert cut.depth < short.depth
    broken = replace(model, channels=tuple(cut if c is short else c for c in model.channels))
    with pytest.raises(DeadlockError, match="incomplete"):
        prediction(broken)
    assert not agree(broken)


def test_a_row_is_released_after_its_last_step_not_its_last_beat():
    # One step reads all eight features, seven beats follow: the next tensor is taken meanwhile.
    net = Net(x=(8,))
    net.linear("fc", "x", 7)
    model = plan(net.qgraph(), "dataflow", 56, fc=(1, 8, 7))
    into, out = model.channels
    whole = replace(into, lanes=8, banks=8, depth=8)
    model = replace(model, channels=(whole, out), input_lanes={"x": 8})
    assert agree(model)
    assert prediction(model).interval == 7


# -- storage that is too small --------------------------------------------------------------------


def slowest(model: Plan) -> int:
    return max(task.cycles for task in model.tasks)


def wide() -> QGraph:
    net = Net(x=(8, 6, 6))
    net.conv("a", "x", 8, 3, pad=1)
    net.conv("b", "a", 8, 1)
    return net.qgraph()


def test_a_short_fifo_stalls_its_engine():
    model = plan(wide(), "dataflow", 4000)
    assert prediction(model).interval == slowest(model)
    engines = tuple(replace(e, out_depth=e.fold.outputs // e.fold.lanes) for e in model.engines)
    short = replace(model, engines=engines)
    assert agree(short)
    assert prediction(short).interval > 2 * slowest(model)


@pytest.mark.parametrize("layer", ["a", "b"])
def test_the_least_depth_works_and_one_bank_less_does_not(layer):
    model = plan(wide(), "dataflow", 40)
    task, engine = model.task(layer), model.engine(layer)
    for less in (0, 1):
        channels = []
        for channel in model.channels:
            if channel.sink == layer:
                least = minimum_depth(task.work, engine.fold, 0, channel.lanes)
                banks = max(channel.lanes, 1)
                depth = -(-least // banks) * banks - less * banks
                channels.append(replace(channel, depth=depth, banks=banks))
            else:
                channels.append(channel)
        assert agree(replace(model, channels=tuple(channels))) is not bool(less)


def test_the_interval_is_found_while_deep_buffers_still_fill():
    # The input brings a tensor in 8 cycles, the engine takes 9: 100 tensors fill its buffer.
    net = Net(x=(8,))
    net.linear("fc", "x", 9)
    model = plan(net.qgraph(), "dataflow", 8, fc=(1, 8, 1))
    into, out = model.channels
    deep = replace(model, channels=(replace(into, depth=8 * 100), out))
    events = Events(deep)
    events.run(1500)
    assert events.last()[-1] - events.last()[-2] == 9
    assert prediction(deep).interval == 9
    assert predict(deep, 1500) == events.last()


def test_alternating_intervals_are_averaged():
    net = Net(x=(2, 3, 3))
    net.conv("a", "x", 2, 1)
    net.add("s", "a", "x")
    net.pool("p", "s", 2, 1)
    model = plan(net.qgraph(), "dataflow", 2, a=(1, 2, 1))
    depths = {("a", 0): 12, ("s", 0): 4, ("s", 1): 4, ("p", 0): 16, ("", 0): 0}
    channels = tuple(replace(c, depth=depths[c.sink, c.port]) for c in model.channels)
    fifos = {"a": 10, "s": 4, "p": 1}
    engines = tuple(replace(e, out_depth=fifos[e.name]) for e in model.engines)
    tight = replace(model, channels=channels, engines=engines)
    assert agree(tight, 8)
    found = [b - a for a, b in pairwise(predict(tight, 40))][20:]
    assert sorted(set(found)) == [65, 70]
    assert found[:-2] == found[2:]
    assert prediction(tight).interval == 68
