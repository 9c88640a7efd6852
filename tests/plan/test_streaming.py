"""State and latency of streamed plans: what StreamiNNC's networks need, bit for bit."""

# amaranth: UnusedElaboratable=no
import numpy as np
import pytest

from hwgen.emit.rtl.dataflow import DataflowAccelerator
from hwgen.plan import make_plan
from hwgen.plan.memory import onchip_bits
from hwgen.plan.text import describe
from hwgen.quant import quantize, stream
from hwgen.serialize import arrays, restore, to_json
from hwgen.spec.model import Precision
from support.graphs import make_graph, make_spec
from support.random_streams import random_stream

CHANNELS = (4, 8, 16, 32, 64, 128, 256)


def streamed_plan(layers, shape, chunk, schedule, multipliers=64):
    graph = make_graph({"x": shape}, layers)
    spec = make_spec(graph, Precision(4, 6), multipliers=multipliers, schedule=schedule)
    offline = quantize(graph, spec)
    qgraph = stream(offline, graph, chunk)
    return offline, qgraph, make_plan(qgraph, spec.accelerator)


def buffers(plan, qgraph):
    """Return the window buffers of the hardware of a dataflow plan."""
    accelerator = DataflowAccelerator(plan, qgraph, trace=False, identity=0)
    for task in plan.tasks:
        engine = accelerator._engine(task)
        yield from (engine.buffers if hasattr(engine, "buffers") else [engine.buffer])


@pytest.mark.parametrize("chunk", [1, 16])
def test_the_accelerometer_network_keeps_504_words(chunk):
    # StreamiNNC (arXiv 2408.03223), f_ACC: kernels of 3 taps, padding 1.
    layers = [
        {"name": f"c{k}", "op": "conv1d", "in": f"c{k - 1}" if k else "x", "channels": channels,
         "kernel": 3, "padding": "same", "activation": "relu"}
        for k, channels in enumerate(CHANNELS[1:])
    ]  # fmt: skip
    _, qgraph, plan = streamed_plan(layers, (96, CHANNELS[0]), chunk, "dataflow")

    assert plan.stream.state_bits == 504 * 6
    assert plan.stream.state == {f"c{k}": 2 * width * 6 for k, width in enumerate(CHANNELS[:-1])}
    assert plan.stream.latency == {"c5": 6}
    assert sum(buffer.history * buffer.bits for buffer in buffers(plan, qgraph)) == 504 * 6


@pytest.mark.parametrize("seed", range(8))
def test_the_state_is_that_of_the_receptive_fields(seed):
    rng = np.random.default_rng([3, seed])
    layers, rest, stride = random_stream(rng, sequence=bool(seed % 2), length=64)
    shape = (64, *rest) if seed % 2 else (rest[0], 64, rest[1])
    offline, qgraph, plan = streamed_plan(layers, shape, 2 * stride, "dataflow")

    # Rows that a window reaches back over, less those by which it is behind its stride's first.
    wanted = 0
    for node in offline.nodes:
        attrs, keys = node.lowered.attrs, next(k for k in layers if k["name"] == node.name)
        (source, *_) = (offline.tensor(name) for name in node.inputs)
        if node.op == "conv_transpose1d":
            rows = (keys["kernel"] - 1) // keys["stride"]
        elif node.op == "conv_phase2d":
            rows = keys["kernel"][0] - 1
        elif "kernel" in attrs:
            reach = (attrs["kernel"][0] - 1) * attrs.get("dilation", (1, 1))[0]
            ahead = reach - attrs.get("padding", ((0, 0),))[0][0]
            late = qgraph.stream.pace(node.inputs[0]).delay
            rows = max(0, reach - (late + ahead) % attrs["stride"][0])
        else:
            continue
        axis = 1 if len(source.shape) == 3 else 0
        wanted += rows * source.elements // source.shape[axis] * source.type.bits
    delays = [node for node in qgraph.nodes if node.op == "delay"]
    for node in delays:
        axis = 1 if len(node.out.shape) == 3 else 0
        row = node.out.elements // node.out.shape[axis]
        wanted += node.lowered.attrs["history"] * row * node.out.type.bits

    assert plan.stream.state_bits == wanted
    found = buffers(plan, qgraph)
    types = [qgraph.tensor(name).type.bits for task in plan.tasks for name in task.reads]
    kept = [buffer.history for buffer in found]
    assert sum(rows * bits for rows, bits in zip(kept, types, strict=True)) == wanted


@pytest.mark.parametrize("schedule", ["dataflow", "sequential"])
def test_an_autoencoder_is_as_late_as_its_decoder(schedule):
    # An example of Caillon and Esling (arXiv 2204.07064), where halving rounds the delay up: 1, 1,
    # 1, 3, 7, 15 rows.
    halves = [
        {"name": f"d{k}", "op": "conv1d", "in": f"d{k - 1}" if k else "x", "channels": 4,
         "kernel": 3, "stride": 2, "padding": 1}
        for k in range(3)
    ]  # fmt: skip
    doubles = [
        {"name": f"u{k}", "op": "conv_transpose1d", "in": f"u{k - 1}" if k else "d2",
         "channels": 4, "kernel": 4, "stride": 2, "padding": 1}
        for k in range(3)
    ]  # fmt: skip
    _, qgraph, plan = streamed_plan([*halves, *doubles], (64, 4), 8, schedule)

    paces = [qgraph.stream.pace(node.name) for node in qgraph.nodes]
    assert [pace.delay for pace in paces] == [0, 0, 0, 1, 3, 7]
    assert [pace.stride for pace in paces] == [2, 4, 8, 4, 2, 1]
    assert plan.stream.latency == {"u2": 7}
    # Of three taps the first row before a stride's, and one of the two taps that a phase has.
    assert plan.stream.state_bits == 6 * 4 * (3 * 1 + 3 * 1)


def test_rows_that_come_faster_than_the_input_s():
    layers = [
        {"name": "a", "op": "conv_transpose1d", "in": "x", "channels": 2, "kernel": 7,
         "stride": 2, "padding": [3, 4]},
        {"name": "y", "op": "conv1d", "in": "a", "channels": 2, "kernel": 5, "padding": "same"},
    ]  # fmt: skip
    _, qgraph, plan = streamed_plan(layers, (32, 2), 3, "dataflow")

    assert qgraph.tensor("y").shape == (6, 2)
    assert plan.stream.latency == {"y": 2.5}
    assert "latency: y 2.5 rows" in describe(plan)
    assert restore(type(plan), to_json(plan), arrays(plan)).stream == plan.stream


def test_the_cones_of_windows_share_the_weights_of_their_layers():
    layers = [
        {"name": f"c{k}", "op": "conv1d", "in": f"c{k - 1}" if k else "x", "channels": 4,
         "kernel": 3, "padding": "same"}
        for k in range(2)
    ]  # fmt: skip
    layers.append({"name": "y", "op": "global_avg_pool", "in": "c1"})
    graph = make_graph({"x": (24, 4)}, layers)
    spec = make_spec(graph, Precision(4, 6), multipliers=12)
    offline = quantize(graph, spec)
    plans = [
        make_plan(stream(offline, graph, 12, exact=exact), spec.accelerator)
        for exact in (False, True)
    ]

    # c0 and c1 have as many weights, and not the same.
    shares = {task.name: task.shares for task in plans[1].tasks if task.shares}
    assert shares == {"c0_L": "c0", "c0_R": "c0", "c1_L": "c1", "c1_R": "c1"}
    sizes = [onchip_bits(plan) for plan in plans]
    assert [size["weights"] for size in sizes] == [2 * 4 * 4 * 3 * 4] * 2
    assert sizes[0]["channels"] == sizes[1]["channels"]


def test_readers_share_the_rows_in_front_of_a_tensor():
    layers = [
        {"name": "a", "op": "conv1d", "in": "x", "channels": 2, "kernel": 3, "padding": "same"},
        {"name": "b", "op": "conv1d", "in": "x", "channels": 2, "kernel": 5, "padding": "same"},
        {"name": "y", "op": "add", "in": ["a", "b"]},
    ]
    _, _, plan = streamed_plan(layers, (32, 3), 4, "sequential")

    # Of x the longer history, of a the row by which it is early.
    assert plan.stream.state == {"x": 4 * 3 * 6, "a": 1 * 2 * 6}
    assert plan.stream.latency == {"y": 2}
    assert "stream: chunks of 4 rows; latency: y 2 rows; state 84 bits (x 72, a 12)" in describe(
        plan
    )
