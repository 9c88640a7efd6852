"""A decoder's up-sampling of images: golden = RTL = HLS C++, and predicted = simulated cycles."""

import pytest
from end_to_end.test_random_specs import check_spec
from end_to_end.test_stream import check

from support.specs import compile_spec

TEXT = """\
hwgen: 1
name: decoder
model:
  inputs: {{x: {{shape: [3, 4, 4]}}}}
  layers:
    - {{name: c, op: conv2d, in: x, channels: 4, kernel: 3, padding: same, activation: relu}}
    - {{name: y, op: conv_transpose2d, in: c, channels: 4, kernel: 4, stride: 2, padding: 1}}
    - {{name: u, op: upsample2d, in: c, factor: 2}}
    - {{name: z, op: add, in: [y, u]}}
  outputs: [z]
weights: {{random: 3}}
quantize: {{default: {{weights: int4, activations: int4, symmetric: {symmetric}}}}}
accelerator: {{schedule: {schedule}, budget: {{multipliers: 20}}}}
"""


@pytest.mark.nightly
@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
@pytest.mark.parametrize("symmetric", ["true", "false"])
def test_transposed_and_nearest_up_sampling_meet(schedule, symmetric):
    check_spec(TEXT.format(schedule=schedule, symmetric=symmetric), 3)


STREAM = """\
hwgen: 1
name: rows
model:
  inputs: {x: {shape: [2, 24, 4]}}
  layers:
    - {name: d0, op: conv2d, in: x, channels: 4, kernel: 3, stride: [2, 1], padding: 1}
    - {name: d1, op: conv2d, in: d0, channels: 4, kernel: 3, stride: [2, 1], padding: 1}
    - {name: u0, op: conv_transpose2d, in: d1, channels: 4, kernel: [4, 3], stride: [2, 1],
       padding: 1, groups: GROUPS}
    - {name: u1, op: conv_transpose2d, in: u0, channels: 4, kernel: 4, stride: 2, padding: 1,
       groups: GROUPS, activation: relu}
  outputs: [u1]
weights: {random: 3}
quantize: {default: {weights: int4, activations: int5, symmetric: false}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: 40}}
stream: {chunk: CHUNK}
"""


@pytest.mark.parametrize("chunk", ["4", "12"])
def test_rows_of_images_are_as_late_as_tokens(chunk, tmp_path):
    """The delays of an autoencoder are those of one of sequences: tests/plan/test_streaming.py."""
    text = STREAM.replace("GROUPS", "2").replace("SCHEDULE", "dataflow").replace("CHUNK", chunk)
    qgraph, plan = compile_spec(text, tmp_path)

    assert [qgraph.stream.pace(name).delay for name in ("d0", "d1", "u0", "u1")] == [0, 0, 1, 3]
    assert plan.stream.latency == {"u1": 3}
    assert not any(node.op == "delay" for node in qgraph.nodes)


@pytest.mark.nightly
@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize("groups", ["1", "4"])
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_rows_in_a_stream(schedule, groups, tmp_path):
    text = STREAM.replace("GROUPS", groups).replace("SCHEDULE", schedule).replace("CHUNK", "4")
    check(*compile_spec(text, tmp_path), 1, tmp_path)
