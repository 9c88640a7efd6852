"""Layers of one tap that take several positions at a time, whose weights are read once for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hwgen.errors import Diagnostic, SpecError
from hwgen.ops.work import Work
from hwgen.plan.cost import issue_cycles
from hwgen.plan.folding import Option, legal_rows, mac_lanes, mac_sizes
from hwgen.plan.items import Item
from hwgen.plan.model import Fold, Multiplier, hard_multipliers
from hwgen.plan.multipliers import MOST_WEIGHTS, PORTS, activations_of, weights_of
from hwgen.plan.runs import line_of
from hwgen.quant.model import QGraph
from hwgen.spec.model import Accelerator, FoldSpec
from rtl_templates.packing.forms import Form, position_weights, vector_form

__all__ = ["check_positions", "position_options", "positions_form", "positions_multiplier"]

_MOST_POSITIONS = 4
"""Positions that are worth trying: more leave no room for weights."""

_PACKED = ("packed", "polynomial")


def check_positions(items: Sequence[Item], qgraph: QGraph, accelerator: Accelerator) -> None:
    """Refuse foldings over positions that no engine has.

    Raises
    ------
    SpecError
        HG445 (multipliers that are not packed, or a shared engine), HG446 (a layer without
        neighbouring positions of one tap), HG447 (outputs that do not divide all of them), HG448
        (more positions than a multiplier holds).
    """
    works = {item.name: item for item in items}
    found = [
        problem
        for name, spec in accelerator.folding.items()
        if name in works and (spec.positions or 1) > 1
        for problem in _problems(works[name], qgraph, accelerator, spec)
    ]
    if found:
        raise SpecError.of(found)


def _problems(
    item: Item, qgraph: QGraph, accelerator: Accelerator, spec: FoldSpec
) -> Iterator[Diagnostic]:
    what = f"folding of {item.name} has positions {spec.positions}"
    if accelerator.multiplier not in _PACKED or accelerator.schedule != "dataflow":
        yield Diagnostic(
            "HG445",
            f"{what} with multiplier: {accelerator.multiplier} and schedule: "
            f"{accelerator.schedule}",
            spec.mark,
            "multiplier: packed and schedule: dataflow",
        )
        return
    line = line_of(item.work)
    if line is None or line.taps > 1:
        yield Diagnostic(
            "HG446",
            f"{what}, but it has no neighbouring positions with a result each of one of them",
            spec.mark,
            "positions of linear layers of tokens, or of convolutions with one tap in a row",
        )
        return
    outputs = item.work.outputs
    if spec.outputs is not None and outputs % spec.outputs:
        legal = ", ".join(str(n) for n in range(1, outputs + 1) if outputs % n == 0)
        yield Diagnostic(
            "HG447",
            f"{what} and outputs {spec.outputs}, which do not divide the {outputs} of a position",
            spec.mark,
            f"outputs: one of {legal}",
        )
    if accelerator.family is not None and positions_form(item, qgraph, accelerator) is None:
        yield Diagnostic(
            "HG448",
            f"{what}, more than a multiplier of {accelerator.family} holds of these codes",
            spec.mark,
            "fewer positions, or narrower codes",
        )


def positions_form(item: Item, qgraph: QGraph, accelerator: Accelerator) -> Form | None:
    """Return how positions and weights of a layer share multipliers; None if only weights do.

    As many positions as its folding says; without a folding, if ``polynomial`` multipliers are
    asked for, those with which a multiplier does most, more than with weights alone.
    """
    line, family = line_of(item.work), accelerator.family
    if line is None or line.taps > 1 or family is None or accelerator.multiplier not in _PACKED:
        return None
    x, w, ports = activations_of([item]), weights_of([item], qgraph), PORTS[family]
    spec = accelerator.folding.get(item.name)
    if spec is not None:
        count = spec.positions or 1
        return position_weights(x, w, ports, count, MOST_WEIGHTS) if count > 1 else None
    if accelerator.multiplier != "polynomial":
        return None
    alone = vector_form(x, w, ports, MOST_WEIGHTS)
    best, most = None, 1 if alone is None else alone.products
    for count in range(2, _MOST_POSITIONS + 1):
        form = position_weights(x, w, ports, count, MOST_WEIGHTS)
        if form is not None and form.products > most:
            best, most = form, form.products
    return best


def positions_multiplier(form: Form) -> Multiplier:
    """Return a form as a plan writes it down."""
    return Multiplier(
        "packed",
        form.counts[1],
        form.strides[1],
        (form.a.low, form.a.high),
        (form.w.low, form.w.high),
        form.strides[0],
    )


def position_options(work: Work, form: Form, spec: FoldSpec | None) -> Iterator[Option]:
    """Yield the folds of a work over positions that may be worth it, or that a user fixed."""
    line = line_of(work)
    assert line is not None
    samples, share = form.counts
    fixed_rows, fixed_elements, fixed_outputs = (
        (spec.rows, spec.elements, spec.outputs) if spec else (None, None, None)
    )
    all_rows = legal_rows(work) if line.level == 1 else (1,)
    for rows in all_rows if fixed_rows is None else (fixed_rows,):
        sizes = mac_sizes(line.sample, line.sample)
        for elements in sizes if fixed_elements is None else [fixed_elements]:
            reads = samples * elements if elements == line.sample else 0
            for outputs in range(1, work.outputs + 1):
                if work.outputs % outputs or fixed_outputs not in (None, outputs):
                    continue
                fold = Fold(rows, elements, outputs, reads=reads, samples=samples)
                fold = replace(fold, lanes=mac_lanes(work, fold))
                yield Option(
                    fold.multipliers,
                    issue_cycles(work, fold),
                    hard_multipliers(fold, share) + fold.lanes,
                    rows,
                    fold.lanes,
                    outputs,
                    elements,
                    reads=reads,
                    samples=samples,
                )
