"""Reflected padding: golden = RTL = HLS C++, and predicted = simulated cycles."""

import pytest
from end_to_end.test_random_specs import check_spec

IMAGE = """\
hwgen: 1
name: mirror
model:
  inputs: {x: {shape: [3, 6, 5]}}
  layers:
    - {name: a, op: conv2d, in: x, channels: 4, kernel: [5, 3], padding: same,
       padding_mode: reflect}
    - {name: b, op: conv2d, in: a, channels: 4, kernel: 3, padding: same, groups: 2}
    - {name: y, op: conv2d, in: b, channels: 2, kernel: [4, 5], stride: 2, groups: 2,
       padding: [[1, 3], [4, 3]], padding_mode: reflect}
  outputs: [y]
weights: {random: 3}
quantize: {default: {weights: int4, activations: int5, symmetric: SYMMETRIC}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: 24}}
"""
TOKENS = """\
hwgen: 1
name: mirror
model:
  inputs: {x: {shape: [9, 3]}}
  layers:
    - {name: a, op: conv1d, in: x, channels: 4, kernel: 5, padding: causal, padding_mode: reflect}
    - {name: y, op: conv1d, in: a, channels: 3, kernel: 3, dilation: 3, padding: 5,
       padding_mode: reflect}
  outputs: [y]
weights: {random: 3}
quantize: {default: {weights: int4, activations: int5, symmetric: SYMMETRIC}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: 12}}
"""


@pytest.mark.nightly
@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
@pytest.mark.parametrize("symmetric", ["true", "false"])
@pytest.mark.parametrize("text", [IMAGE, TOKENS], ids=["image", "tokens"])
def test_windows_that_reflect(text, schedule, symmetric):
    check_spec(text.replace("SCHEDULE", schedule).replace("SYMMETRIC", symmetric), 3)
