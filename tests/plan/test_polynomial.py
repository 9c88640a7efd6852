"""Which convolutions take several samples per multiplier, and how long they take."""

from dataclasses import replace

import pytest

from hwgen.errors import SpecError
from hwgen.ops.work import Loop, Port, Work
from hwgen.plan import make_plan
from hwgen.plan.cost import group_beats, issue_cycles, steps_of
from hwgen.plan.model import Fold
from hwgen.plan.multipliers import PORTS, needed
from hwgen.plan.runs import line_of, run_beats, runs_of
from hwgen.plan.text import describe
from hwgen.plan.window import visits
from hwgen.spec import load_spec
from rtl_templates.mac.runs import line_for
from rtl_templates.packing.forms import best_convolution
from rtl_templates.packing.lanes import Range
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


AUTO = (
    SPEC.replace(", multiplier: polynomial, family: ecp5", ", family: ecp5")
    .replace("[3, 6, 8]", "[4, 6, 16]")
    .replace(", groups: 2", "")
)


def auto(tmp_path, parts, budget=300):
    """Return the plan that is chosen for a device of so many multipliers, and each kind's."""
    text = AUTO.replace("multipliers: 300", f"multipliers: {budget}")
    qgraph, _ = compile_spec(text, tmp_path)
    spec = load_spec(tmp_path / "spec.yaml").accelerator
    kinds = {kind: replace(spec, multiplier=kind) for kind in ("plain", "packed", "polynomial")}
    plans = {kind: make_plan(qgraph, one) for kind, one in kinds.items()}
    return make_plan(qgraph, replace(spec, multiplier="auto", parts=parts)), plans


def test_polynomials_are_chosen_where_packed_weights_would_need_tables(tmp_path):
    _, plans = auto(tmp_path, 10_000)
    enough = needed(plans["polynomial"])
    assert enough < needed(plans["packed"]) < needed(plans["plain"])

    plan, _ = auto(tmp_path, enough)

    assert plan.engine("a").multiplier.kind == "polynomial"
    assert needed(plan) <= enough
    assert "several samples per multiplier" in plan.phases[0].why
    assert f"the device has {enough}" in plan.phases[0].why
    assert describe(plan) == describe(auto(tmp_path, enough)[0])
    assert "several samples per multiplier" in describe(plan)


def test_packed_weights_are_chosen_where_they_are_enough(tmp_path):
    _, plans = auto(tmp_path, 10_000)
    plan, _ = auto(tmp_path, needed(plans["packed"]))
    assert plan.engines == plans["packed"].engines
    plan, _ = auto(tmp_path, needed(plans["plain"]))
    assert plan.engines == plans["plain"].engines


def test_few_products_are_none_for_polynomials(tmp_path):
    """Nine for a layer at least: with fewer, tables remain."""
    text = AUTO.replace("multipliers: 300", "multipliers: 8")
    qgraph, _ = compile_spec(text, tmp_path)
    spec = replace(load_spec(tmp_path / "spec.yaml").accelerator, parts=1)
    kinds = {engine.multiplier.kind for engine in make_plan(qgraph, spec).engines}
    assert "polynomial" not in kinds
    assert "lut" in kinds


@pytest.mark.parametrize(("width", "samples"), [(3, 4), (7, 4), (8, 5), (40, 5)])
def test_short_lines_take_fewer_samples(width, samples):
    full = Range.signed(4)
    runs = line_for(width, 3, 1, False)
    form = best_convolution(full, full, 3, PORTS["xcup"], runs)
    work = image(width=width, outputs=8)
    others = {
        count: issue_cycles(work, Fold(1, 1, 8, 8, samples=count, taps=3)) for count in (3, 4, 5)
    }
    assert form.counts == (samples, 3)
    assert others[samples] == min(others.values())
