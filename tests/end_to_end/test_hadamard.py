"""Hadamard transforms in networks: golden = RTL = HLS C++, and predicted = simulated cycles."""

import pytest
from end_to_end.test_random_specs import check_spec

ROWS = """\
hwgen: 1
name: transforms
model:
  inputs: {x: {shape: [3, 24]}}
  layers:
    - {name: a, op: hadamard, in: x}
    - {name: b, op: linear, in: a, features: 16}
    - {name: c, op: hadamard, in: b}
    - {name: d, op: linear, in: c, features: 80, activation: relu}
    - {name: e, op: hadamard, in: d}
    - {name: y, op: linear, in: e, features: 8}
  outputs: [y]
weights: {random: 3}
quantize: {default: {weights: int4, activations: int5, symmetric: false}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: MULTIPLIERS}}
"""


@pytest.mark.nightly
@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize("multipliers", [8, 100])
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_rows_of_several_sizes(schedule, multipliers):
    text = ROWS.replace("SCHEDULE", schedule)
    check_spec(text.replace("MULTIPLIERS", str(multipliers)), 3)


BLOCK = """\
hwgen: 1
name: rotated
model:
  inputs: {x: {shape: [4, 24]}}
  layers:
    - {name: n, op: layer_norm, in: x}
    - {name: enc, op: transformer_block, in: n, order: post_norm, heads: 2, hidden: 48, tile: 8}
  outputs: [enc]
weights: {random: 3}
quantize:
  default: {weights: int4, activations: int8}
  rotate: online
  layers:
    n_rotated: {activations: int4}
    enc_attention_rotated: {activations: int4}
    enc_norm1_rotated: {activations: int4}
accelerator: {schedule: sequential, budget: {multipliers: 32}}
"""


@pytest.mark.verilator
@pytest.mark.hls
def test_a_post_norm_block_with_transforms_in_front_of_its_linear_layers():
    check_spec(BLOCK, 3)
