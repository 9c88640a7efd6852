"""A decoder's up-sampling of images: golden = RTL = HLS C++, and predicted = simulated cycles."""

import pytest
from end_to_end.test_random_specs import check_spec

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
