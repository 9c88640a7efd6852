"""Which layers take several positions per multiplier, what that saves, and what cannot."""

import pytest

from hwgen.errors import SpecError
from hwgen.plan.model import Fold, hard_multipliers
from support.specs import compile_spec

SPEC = """\
hwgen: 1
name: net
model:
  inputs: {x: {shape: [10, 12]}}
  layers:
    - {name: a, op: linear, in: x, features: 16}
    - {name: b, op: conv1d, in: a, channels: 8, kernel: 3}
  outputs: [b]
weights: {random: 1}
quantize: {default: {weights: int4, activations: int4, narrow: true, symmetric: true}}
accelerator:
  schedule: dataflow
  budget: {multipliers: 300}
  multiplier: packed
  family: xcup
  folding: {a: {elements: 3, outputs: 8, positions: 2}}
"""


def test_weights_are_read_once_for_two_positions(tmp_path):
    _, plan = compile_spec(SPEC, tmp_path)
    engine = plan.engine("a")
    assert (engine.fold.samples, engine.fold.taps, engine.multipliers) == (2, 1, 48)
    assert (engine.multiplier.weights, engine.multiplier.kind) == (3, "packed")
    assert engine.hard_multipliers == 9  # 3 elements by 8 outputs in threes
    (task,) = [task for task in plan.tasks if task.engine == "a"]
    assert task.cycles == 5 * 4 * 2
    _, alone = compile_spec(SPEC.replace(", positions: 2", ""), tmp_path)
    (task,) = [task for task in alone.tasks if task.engine == "a"]
    assert task.cycles == 10 * 4 * 2
    _, one = compile_spec(SPEC.replace("positions: 2", "positions: 1"), tmp_path)
    assert one.engines == alone.engines


def test_a_row_alone_takes_no_multiplier():
    fold = Fold(1, 8, 16, samples=2)
    assert (fold.multipliers, hard_multipliers(fold, 3)) == (256, 40)
    assert hard_multipliers(Fold(1, 8, 16, samples=2), 2) == 64


def test_polynomials_of_one_tap_are_positions(tmp_path):
    spec = SPEC.replace("packed", "polynomial").replace("  folding: {a: ", "  # {")
    _, plan = compile_spec(spec, tmp_path)
    a, b = plan.engine("a"), plan.engine("b")
    assert (a.fold.samples, a.fold.taps, a.multiplier.kind) == (2, 1, "packed")
    assert b.multiplier.kind == "polynomial"
    # As fast with as few of a small budget: the planner may take one position at a time.
    _, small = compile_spec(spec.replace("multipliers: 300", "multipliers: 16"), tmp_path)
    assert small.multipliers <= 16


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("multiplier: packed", "multiplier: plain", "HG445"),
        ("dataflow", "sequential", "HG445"),
        ("folding: {a:", "folding: {b:", "HG446"),
        ("[10, 12]", "[1, 12]", "HG446"),
        ("outputs: 8, pos", "outputs: 3, pos", "HG447"),
        ("positions: 2", "positions: 5", "HG448"),
        ("  family: xcup\n", "", "HG480"),
        ("multipliers: 300", "multipliers: 48", "HG401"),
    ],
)
def test_mistakes(old, new, code, tmp_path):
    text = SPEC.replace(old, new, 1)
    if new == "[1, 12]":
        text = text.replace("    - {name: b, op: conv1d, in: a, channels: 8, kernel: 3}\n", "")
        text = text.replace("outputs: [b]", "outputs: [a]")
    with pytest.raises(SpecError) as caught:
        compile_spec(text, tmp_path)
    assert code in str(caught.value)
