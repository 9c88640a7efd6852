"""After a tensor whose ``last`` came early or late the next ones are right, without reset."""

import json
import random
from xml.etree import ElementTree

import numpy as np
import pytest

from hwgen import golden
from hwgen.emit.rtl import emit_verilog
from hwgen.tools import run
from hwgen.verify.design import pack
from hwgen.verify.diagnose import describe
from hwgen.verify.model import build_cocotb_model
from hwgen.verify.testbench import simulator_env
from rtl_templates.control.registers import CONTROL, LENGTH, STATUS
from support.specs import compile_spec

HEAD = """\
hwgen: 1
name: recovering
weights: {random: 1}
quantize: {default: {weights: int4, activations: int6, symmetric: false}}
"""
STREAM = """\
model:
  inputs: {x: {shape: [32, 3]}, z: {shape: [32, 3]}}
  layers:
    - {name: a, op: conv1d, in: x, channels: 3, kernel: 3, padding: same}
    - {name: b, op: conv1d, in: z, channels: 2, kernel: 2, padding: [1, 0]}
    - {name: y, op: concat, in: [a, b]}
  outputs: [y]
accelerator: {schedule: SCHEDULE, budget: {multipliers: 8}}
stream: {chunk: 3}
"""
LENGTHS = """\
model:
  inputs: {x: {shape: [4, 6], lengths: [4, 3, 1]}}
  layers:
    - {name: y, op: linear, in: x, features: 4}
  outputs: [y]
accelerator: {schedule: sequential, budget: {multipliers: 4}}
"""
JOINED = """\
model:
  inputs: {x: {shape: [3, 3, 2]}, z: {shape: [3, 3, 2]}}
  layers:
    - {name: y, op: add, in: [x, z]}
  outputs: [y]
accelerator: {schedule: dataflow, budget: {multipliers: 4}}
"""
SPECS = {
    "joined": JOINED,
    "dataflow": STREAM.replace("SCHEDULE", "dataflow"),
    "sequential": STREAM.replace("SCHEDULE", "sequential"),
    "lengths": LENGTHS,
}
FAULTS = ["good", "early", "good", "late", "early", "late", "merged", "good"]
GOOD = 2


def spoil(fault, beats, rng):
    """Return what is sent instead of a tensor's beats, and how many of them arrive."""
    if len(beats) == 1 and fault == "early":
        fault = "late"
    if fault == "early":
        kept = rng.randrange(1, len(beats))
        return beats[:kept], kept
    surplus = {"good": 0, "late": rng.randrange(1, len(beats) + 2), "merged": len(beats)}[fault]
    return beats + [rng.choice(beats) for _ in range(surplus)], len(beats)


def integers(port, codes):
    return [int.from_bytes(row.tobytes(), "little") for row in pack(codes, port.lanes, port.bits)]


def part_of(qgraph, design, inputs, faults, lengths, rng):
    """Return a part of the bench with what is sent, and what then arrives at the engines."""
    part = {"lengths": lengths, "inputs": {}, "outputs": {}}
    arrived = {name: codes.copy() for name, codes in inputs.items()}
    for index, port in enumerate(design.inputs):
        beats, ends = [], []
        for n, fault in enumerate(faults[index:] + faults[:index]):
            tensor = golden.to_stream(inputs[port.name][n : n + 1]).reshape(1, -1)
            sent, kept = spoil(fault, integers(port, port.flat(tensor, lengths[n : n + 1])), rng)
            beats += sent
            ends.append(len(beats))
            zero = qgraph.tensor(port.name).type.zero_point
            tensor[0, kept * port.lanes :] = zero
            arrived[port.name][n] = golden.from_stream(tensor, arrived[port.name][n].shape)[0]
        part["inputs"][port.name] = {"beats": beats, "ends": ends}
    return part, arrived


def bench_of(qgraph, design, lengths, rng):
    """Return the two parts: all faults, then tensors without any."""
    count = len(FAULTS) + GOOD
    inputs = golden.random_inputs(qgraph, count, seed=5)
    halves = [(slice(0, len(FAULTS)), FAULTS), (slice(len(FAULTS), count), ["good"] * GOOD)]
    pairs = [
        part_of(
            qgraph,
            design,
            {name: codes[where] for name, codes in inputs.items()},
            faults,
            lengths[where],
            rng,
        )
        for where, faults in halves
    ]
    parts, arrived = zip(*pairs, strict=True)
    whole = {name: np.concatenate([half[name] for half in arrived]) for name in inputs}
    expected = golden.run(qgraph, whole, lengths=lengths)
    for part, (where, _) in zip(parts, halves, strict=True):
        for port in design.outputs:
            codes = golden.to_stream(expected[port.name][where]).reshape(-1, port.elements)
            beats = integers(port, port.flat(codes, lengths[where]))
            ends = port.ends(len(codes), lengths[where]).tolist()
            part["outputs"][port.name] = {"beats": beats, "ends": ends}
    return parts


@pytest.mark.verilator
@pytest.mark.parametrize(
    "name",
    [
        "joined",
        "lengths",
        pytest.param("dataflow", marks=pytest.mark.nightly),
        pytest.param("sequential", marks=pytest.mark.nightly),
    ],
)
def test_later_tensors_are_right(name, tmp_path):
    qgraph, plan = compile_spec(HEAD + SPECS[name], tmp_path)
    rng = random.Random(7)
    count = len(FAULTS) + GOOD
    lengths = [rng.choice(plan.lengths) for _ in range(count)] if plan.lengths else []
    design = describe(plan, qgraph)
    bench = {
        "seed": 3,
        "length_word": LENGTH,
        "control_word": CONTROL,
        "status_word": STATUS,
        "parts": bench_of(qgraph, design, lengths, rng),
    }
    (tmp_path / "bench.json").write_text(json.dumps(bench))
    model = build_cocotb_model(emit_verilog(plan, qgraph), design.name)
    env = {
        **simulator_env(design.name, "sim.benches.recovery", tmp_path),
        "HWGEN_BENCH": str(tmp_path / "bench.json"),
    }
    run([model], cwd=tmp_path, log=tmp_path / "cocotb.log", env=env, timeout=300)
    (case,) = ElementTree.parse(tmp_path / "results.xml").iter("testcase")
    assert case.find("failure") is None, (tmp_path / "cocotb.log").read_text()
