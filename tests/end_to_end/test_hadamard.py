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


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(
    ("schedule", "multipliers"),
    [
        ("sequential", 8),
        pytest.param("sequential", 100, marks=pytest.mark.nightly),
        pytest.param("dataflow", 8, marks=pytest.mark.nightly),
        pytest.param("dataflow", 100, marks=pytest.mark.nightly),
    ],
)
def test_rows_of_several_sizes(schedule, multipliers):
    text = ROWS.replace("SCHEDULE", schedule)
    check_spec(text.replace("MULTIPLIERS", str(multipliers)), 3)
