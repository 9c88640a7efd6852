"""A new sequence in mid-stream: what ops remember begins anew, nothing else changes."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from hwgen import golden
from hwgen.emit.rtl.top import build_top
from hwgen.verify.design import pack, unpack
from support.specs import compile_spec

ROPE = """\
hwgen: 1
name: turning
model:
  inputs: {x: {shape: [2, 4]}}
  layers:
    - {name: y, op: rope, in: x, heads: 1, running: true, limit: 6}
  outputs: [y]
weights: {random: 1}
quantize: {default: {weights: int8, activations: int6, symmetric: true}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: 1}}
"""
CACHED = """\
hwgen: 1
name: decoding
model:
  inputs: {x: {shape: [1, 4]}}
  layers:
    - {name: k, op: rope, in: x, heads: 1, running: true}
    - {name: y, op: attention, in: [x, k, x], heads: 1, tile: 8, causal: true, MORE}
  outputs: [y]
weights: {random: 1}
quantize: {default: {weights: int8, activations: int6, symmetric: true}}
accelerator: {schedule: sequential, budget: {multipliers: 8}}
"""
STREAM = """\
hwgen: 1
name: stream
model:
  inputs: {x: {shape: [32, 2]}}
  layers:
    - {name: a, op: conv1d, in: x, channels: 2, kernel: 5, padding: same}
    - {name: b, op: max_pool1d, in: a, kernel: 2, stride: 1}
    - {name: c, op: conv1d, in: b, channels: 2, kernel: 4, padding: [1, 2]}
    - {name: y, op: add, in: [b, c]}
  outputs: [y]
weights: {random: 1}
quantize: {default: {weights: int4, activations: int6, symmetric: false}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: 8}}
stream: {chunk: 2}
"""
SPECS = {
    "rope": ROPE.replace("SCHEDULE", "sequential"),
    "dataflow": ROPE.replace("SCHEDULE", "dataflow"),
    "restarts": CACHED.replace("MORE", "cache: {length: 3}"),
    "stream": STREAM.replace("SCHEDULE", "dataflow"),
    "kept": STREAM.replace("SCHEDULE", "sequential"),
    "ring": CACHED.replace("MORE", "window: 3, sinks: 1, cache: {}"),
    "packed": CACHED.replace("MORE", "window: 3, sinks: 1, cache: {bits: 4}"),
}
CONTROL, STATUS = 2, 3
TENSORS, LATER = 3, 2  # the first ones fill the cache


def run(top, port_in, port_out, tensors, beats, new_before):
    """Send tensors one at a time, with a new sequence before one of them; return the outputs."""
    m = Module()
    m.submodules.top = top
    sim = Simulator(m)
    sim.add_clock(1e-6)
    received, status = [], []

    async def write(ctx, address, data):
        ctx.set(top.reg.addr, address)
        ctx.set(top.reg.wdata, data)
        ctx.set(top.reg.write, 1)
        await ctx.tick()
        ctx.set(top.reg.write, 0)

    async def bench(ctx):
        ctx.set(port_out.ready, 1)
        for number, words in enumerate(tensors):
            if number == new_before:
                await write(ctx, CONTROL, 2)
            for k, word in enumerate(words):
                ctx.set(port_in.payload.data, word)
                ctx.set(port_in.payload.last, k == len(words) - 1)
                ctx.set(port_in.valid, 1)
                await ctx.tick().until(port_in.ready)
            ctx.set(port_in.valid, 0)
            for _ in range(beats):
                sampled = await ctx.tick().sample(port_out.payload.data).until(port_out.valid)
                received.append(sampled[0])
            await ctx.tick().repeat(3)
        ctx.set(top.reg.addr, STATUS)
        await ctx.tick()
        await ctx.tick()
        status.append(ctx.get(top.reg.rdata))

    sim.add_testbench(bench)
    sim.run_until(0.05)
    assert status, "the outputs did not come"
    return received, status[0]


@pytest.mark.parametrize(
    "name",
    [
        "rope",
        "dataflow",
        pytest.param("ring", marks=pytest.mark.nightly),
        "stream",
        pytest.param("kept", marks=pytest.mark.nightly),
        pytest.param("restarts", marks=pytest.mark.nightly),
        pytest.param("packed", marks=pytest.mark.nightly),
    ],
)
def test_a_new_sequence_begins(tmp_path, name):
    qgraph, plan = compile_spec(SPECS[name], tmp_path)
    first = golden.random_inputs(qgraph, TENSORS, 1)
    second = golden.random_inputs(qgraph, LATER, 2)
    codes = np.concatenate([golden.to_stream(part["x"]) for part in (first, second)])
    tensor, result = qgraph.tensor("x"), qgraph.tensor("y")
    lanes, out_lanes = plan.input_lanes["x"], plan.output_lanes["y"]
    raw = pack(codes.reshape(-1), lanes, tensor.type.bits)
    words = [int.from_bytes(word.tobytes(), "little") for word in raw]
    beats = tensor.elements // lanes
    tensors = [words[k : k + beats] for k in range(0, len(words), beats)]

    top = build_top(plan, qgraph)
    received, status = run(
        top, top.s_x, top.m_y, tensors, result.elements // out_lanes, new_before=TENSORS
    )
    size = -(-out_lanes * result.type.bits // 8)
    data = np.array([list(word.to_bytes(size, "little")) for word in received], np.uint8)
    got = unpack(data, out_lanes, result.type.bits, result.type.signed).reshape(-1)
    expected = [golden.to_stream(golden.run(qgraph, part)["y"]) for part in (first, second)]

    assert got.tolist() == np.concatenate(expected).reshape(-1).tolist()
    assert status & 0b1011 == 0  # nor was a full cache emptied without being told to
