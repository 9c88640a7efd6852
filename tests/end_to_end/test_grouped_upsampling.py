"""Transposed convolution of groups: golden = RTL = HLS C++, and predicted = simulated cycles."""

import pytest
from end_to_end.test_random_specs import check_spec

IMAGES = """\
hwgen: 1
name: grouped
model:
  inputs: {x: {shape: [4, 3, 3]}}
  layers:
    - {name: a, op: conv_transpose2d, in: x, channels: 6, kernel: [3, 4], stride: [1, 2], groups: 2,
       padding: [[1, 1], [1, 1]]}
    - {name: y, op: conv_transpose2d, in: a, channels: 6, kernel: 3, stride: 2, groups: 6,
       padding: 1, output_padding: 1, activation: relu}
  outputs: [y]
weights: {random: 3}
quantize: {default: {weights: int4, activations: int5, symmetric: SYMMETRIC}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: MULTIPLIERS}}
"""

TEXT = """\
hwgen: 1
name: grouped
model:
  inputs: {x: {shape: [4, 6]}}
  layers:
    - {name: a, op: conv_transpose1d, in: x, channels: 12, kernel: 5, stride: 2, groups: 3,
       padding: [1, 0]}
    - {name: b, op: conv_transpose1d, in: a, channels: 12, kernel: 4, stride: 3, groups: 12,
       output_padding: 2}
    - {name: y, op: conv_transpose1d, in: b, channels: 4, kernel: 2, groups: 2, padding: 1}
  outputs: [y]
weights: {random: 3}
quantize: {default: {weights: int4, activations: int5, symmetric: SYMMETRIC}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: MULTIPLIERS}}
"""


@pytest.mark.nightly
@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(("template", "multipliers"), [(TEXT, "7"), (TEXT, "50"), (IMAGES, "30")])
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
@pytest.mark.parametrize("symmetric", ["true", "false"])
def test_groups_of_phases(schedule, symmetric, template, multipliers):
    text = template.replace("SCHEDULE", schedule).replace("SYMMETRIC", symmetric)
    check_spec(text.replace("MULTIPLIERS", multipliers), 3)
