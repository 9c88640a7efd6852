"""Which convolutions take several samples and taps per multiplier, and with which folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hwgen.errors import SpecError
from hwgen.ops.registry import get_op
from hwgen.ops.work import Work
from hwgen.plan.cost import issue_cycles
from hwgen.plan.folding import Option, legal_rows, mac_lanes, mac_sizes
from hwgen.plan.items import Item
from hwgen.plan.model import Engine, Fold, Multiplier, Task
from hwgen.plan.multipliers import PORTS, activations_of, digits, weights_of
from hwgen.plan.positions import positions_form
from hwgen.plan.runs import line_of, runs_of
from hwgen.quant.model import QGraph
from hwgen.spec.model import Accelerator
from rtl_templates.mac.runs import RunFold, line_for, step_codes
from rtl_templates.packing.forms import Form, best_convolution, convolution_form, position_form
from rtl_templates.packing.lanes import Range, narrowest_overlaps

__all__ = [
    "check_polynomial",
    "least_multipliers",
    "polynomial_form",
    "polynomial_multiplier",
    "polynomial_options",
    "run_form",
    "run_weights",
    "worth_polynomials",
]


def check_polynomial(accelerator: Accelerator) -> None:
    """Refuse polynomials where no engine has a convolution of its own.

    Raises
    ------
    SpecError
        HG433.
    """
    if accelerator.multiplier == "polynomial" and accelerator.schedule != "dataflow":
        raise SpecError(
            "HG433",
            f"multiplier: polynomial with schedule: {accelerator.schedule}, whose engine runs all "
            "layers",
            where=accelerator.mark,
            hint="schedule: dataflow, or multiplier: packed",
        )


def polynomial_form(item: Item, qgraph: QGraph, accelerator: Accelerator) -> Form | None:
    """Return how samples and taps of a layer share multipliers; None if it stays as it is.

    A layer whose folding is fixed does.
    """
    line = line_of(item.work)
    if line is None or accelerator.multiplier != "polynomial" or accelerator.family is None:
        return None
    if line.taps == 1:
        return None  # see hwgen.plan.positions
    if item.name in accelerator.folding:
        return None
    w = weights_of([item], qgraph)
    signed = Range(min(-1, w.low), w.high)
    form: Form | None = best_convolution(
        activations_of([item]),
        signed,
        line.taps,
        PORTS[accelerator.family],
        line_for(line.results, line.taps, line.before, bool(item.work.pad)),
    )
    return form


def worth_polynomials(items: Sequence[Item], qgraph: QGraph, accelerator: Accelerator) -> bool:
    """Return whether a dataflow plan has layers for several samples, and products for all."""
    if accelerator.schedule != "dataflow":
        return False
    macs = [item for item in items if item.template == "mac"]
    forms = [
        polynomial_form(item, qgraph, accelerator) or positions_form(item, qgraph, accelerator)
        for item in macs
    ]
    least = sum(
        form.products if form else least_multipliers(item, accelerator)
        for item, form in zip(macs, forms, strict=True)
    )
    return any(forms) and least <= accelerator.budget.multipliers


def least_multipliers(item: Item, accelerator: Accelerator) -> int:
    """Return the fewest multipliers of a layer with one sample per multiplier."""
    spec = accelerator.folding.get(item.name)
    if spec is None:
        return 1
    elements, outputs, groups = spec.elements or 1, spec.outputs or 1, spec.groups or 1
    if groups > 1:
        elements, outputs = item.work.elements, item.work.outputs
    return (spec.rows or 1) * elements * outputs * groups * (spec.positions or 1)


def polynomial_multiplier(form: Form) -> Multiplier:
    """Return a form as a plan writes it down."""
    return Multiplier(
        "polynomial",
        form.products,
        form.lanes.pitch,
        (form.a.low, form.a.high),
        (form.w.low, form.w.high),
    )


def run_form(engine: Engine) -> Form:
    """Return how samples share the multipliers of an engine that has several of them.

    With taps; of one tap, with the weights of neighbouring outputs.
    """
    x, w = Range(*engine.multiplier.x), Range(*engine.multiplier.w)
    if engine.fold.taps == 1:
        counts = engine.fold.samples, engine.multiplier.weights
        strides = engine.multiplier.x_pitch, engine.multiplier.pitch
        shared: Form = position_form(x, w, counts, strides)
        return shared
    counts, pitch = (engine.fold.samples, engine.fold.taps), engine.multiplier.pitch
    form: Form = convolution_form(x, w, counts, pitch, narrowest_overlaps(x, w, counts, pitch))
    return form


def run_weights(qgraph: QGraph, task: Task, engine: Engine) -> list[list[int]]:
    """Return the weights of every step of an engine that takes several samples at a time.

    Digits if outputs share a multiplier: see :func:`hwgen.plan.multipliers.digits`.
    """
    node, work, fold, line = qgraph.node(task.node), task.work, engine.fold, line_of(task.work)
    assert line is not None
    codes = get_op(node.op).stream_weights(
        node.lowered, [qgraph.tensor(name).shape for name in node.inputs]
    )
    blocks = codes.reshape(-1, fold.outputs, codes[0].size)
    rows = work.segments if line.level == 1 else 1
    taken = digits(blocks, 1, engine.multiplier).reshape(work.outputs, rows, line.taps, line.sample)
    size = RunFold(fold.rows, fold.elements, fold.outputs, fold.lanes)
    return list(step_codes(taken.tolist(), size, runs_of(work, fold)))


def polynomial_options(work: Work, form: Form) -> Iterator[Option]:
    """Yield the folds of a work that may be worth it: output channels at once divide all."""
    line = line_of(work)
    assert line is not None
    samples, taps = form.counts
    for rows in legal_rows(work) if line.level == 1 else (1,):
        for elements in mac_sizes(line.sample, line.sample):
            reads = samples * elements if elements == line.sample else 0
            for outputs in range(1, work.outputs + 1):
                if work.outputs % outputs:
                    continue
                fold = Fold(rows, elements, outputs, reads=reads, samples=samples, taps=taps)
                fold = replace(fold, lanes=mac_lanes(work, fold))
                yield Option(
                    fold.multipliers,
                    issue_cycles(work, fold),
                    fold.multipliers // form.products + fold.lanes,
                    rows,
                    fold.lanes,
                    outputs,
                    elements,
                    reads=reads,
                    samples=samples,
                    taps=taps,
                )
