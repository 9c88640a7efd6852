"""Which convolutions take several samples per multiplier, and how long they take."""

from dataclasses import replace

import pytest

from hwgen.errors import SpecError
from hwgen.ops.work import Loop, Port, Work
from hwgen.plan.cost import group_beats, issue_cycles, steps_of
from hwgen.plan.model import Fold
from hwgen.plan.runs import line_of, run_beats, runs_of
from hwgen.plan.window import visits
from support.specs import compile_spec

SPEC = """\
hwgen: 1
name: net
model:
  inputs: {x: {shape: [3, 6, 8]}}
  layers:
    - {name: a, op: conv2d, in: x, channels: 4, kernel: 3, padding: same}
    - {name: b, op: conv2d, in: a, channels: 4, kernel: 3, padding: same, groups: 2}
  outputs: [b]
weights: {random: 1}
quantize: {default: {weights: int4, activations: int4}}
accelerator: {schedule: dataflow, budget: {multipliers: 300}, multiplier: polynomial, family: ecp5}
"""


def image(width=8, taps=3, channels=2, kernel=3, outputs=6, step=1, pad=0):
    """A convolution with `same` padding whose columns are one apart."""
    return Work(
        "mac",
        (Port(6, width * channels),),
        Loop(6 // step, dy=step),
        Loop(width, dx=channels),
        Loop(1),
        outputs=outputs,
        reduce=(Loop(kernel, dy=1),),
        elements=taps * channels,
        origin=(-(kernel // 2), -(taps // 2) * channels),
        pad=pad,
    )


def sequence(tokens=14, taps=3, features=3, before=1):
    return Work(
        "mac",
        (Port(tokens, features),),
        Loop(tokens, dy=1),
        Loop(1),
        Loop(1),
        outputs=4,
        reduce=(Loop(taps, dy=1),),
        elements=features,
        origin=(-before, 0),
    )


def test_lines_are_found():
    assert line_of(image(taps=5)).taps == 5
    assert line_of(image()).level == 1
    assert line_of(sequence()).level == 0
    work = image()
    assert line_of(replace(work, column=Loop(4, dx=4))) is None  # a stride
    assert line_of(replace(work, channel=Loop(2, dx=2))) is None  # groups
    assert line_of(replace(work, elements=2, origin=(-1, 0))).taps == 1  # several positions only
    assert line_of(replace(sequence(), row=Loop(7, dy=2))) is None
    assert line_of(replace(sequence(), reduce=(Loop(3, dy=2),))) is None


@pytest.mark.parametrize(
    ("rows", "pad", "runs", "narrow"),
    [
        (1, 0, 3, 16 * 3 * 6 * 2),  # 16 kernel rows lie inside, 6 blocks of 2 words in each
        (1, 5, 4, 6 * 4 * 6 * 6),  # padding counts: no row is left out, and the lead is 2
        (3, 0, 3, 6 * 3 * 6 * 3),  # 3 beats, 2 steps
        (3, 5, 4, 6 * 4 * 6 * 3),
    ],
)
def test_cycles_count_run_by_run(rows, pad, runs, narrow):
    work, fold = image(pad=pad), Fold(rows, 2, 3, 1, reads=6, samples=3, taps=3)
    # A row of 8 with a lead of 1 or 2; blocks of 3 outputs have 9 beats, more than their steps.
    assert steps_of(work, fold) == 3 // rows
    assert issue_cycles(work, fold) == 6 * runs * 2 * 9
    assert group_beats(work, fold) == (0, 18)
    assert issue_cycles(work, replace(fold, elements=1, outputs=1, reads=0)) == narrow


@pytest.mark.parametrize("work", [image(), image(taps=5, width=11), sequence(), sequence(taps=5)])
@pytest.mark.parametrize(("samples", "taps"), [(3, 3), (2, 3), (4, 2)])
def test_visits_send_every_result_and_need_what_they_read(work, samples, taps):
    fold = Fold(1, 1, 2, 1, samples=samples, taps=taps)
    found = list(visits(work, fold))
    assert sum(sum(visit.beats) for visit in found) == work.results
    assert sum(run_beats(work, fold)) * (work.row.count if line_of(work).level else 1) == (
        work.results
    )
    assert len(found) == runs_of(work, fold).count * (work.row.count if line_of(work).level else 1)
    assert found[-1].release == ((0, work.ports[0].elements),)
    assert found[-1].need == ((0, work.ports[0].elements),)


def test_a_plan_says_what_multipliers_it_takes(tmp_path):
    _, plan = compile_spec(SPEC, tmp_path)
    a, b = plan.engine("a"), plan.engine("b")
    assert (a.multiplier.kind, a.multiplier.weights) == ("polynomial", 9)
    assert a.hard_multipliers * 9 == a.multipliers
    assert b.multiplier.kind == "packed"
    fixed = SPEC.replace("multiplier:", "folding: {a: {outputs: 2}}, multiplier:")
    _, plan = compile_spec(fixed, tmp_path)
    assert plan.engine("a").multiplier.kind == "packed"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("dataflow", "sequential", "HG433"),
        (", family: ecp5", "", "HG480"),
        ("multipliers: 300", "multipliers: 9", "HG401"),
    ],
)
def test_mistakes(old, new, code, tmp_path):
    with pytest.raises(SpecError) as caught:
        compile_spec(SPEC.replace(old, new), tmp_path)
    assert caught.value.code == code
