"""The dataflow plan: one engine per node, all at work at once, joined by channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwgen.errors import Diagnostic, LimitError, SpecError
from hwgen.plan.cost import (
    PRODUCTS,
    groups_of,
    issue_cycles,
    lowest_set_bit,
    template_of,
    useful_of,
)
from hwgen.plan.cycles import prediction
from hwgen.plan.depths import ROUNDS, Depth, fifo_beats, joins_paths
from hwgen.plan.folding import (
    Option,
    cheapest,
    fold_errors,
    mac_options,
    most_groups,
    vector_options,
)
from hwgen.plan.items import Item, engine_for
from hwgen.plan.memory import fits_onchip
from hwgen.plan.model import Channel, Engine, Fold, Phase, Plan, Prediction, Task
from hwgen.plan.multipliers import share_of
from hwgen.plan.polynomial import (
    least_multipliers,
    polynomial_form,
    polynomial_multiplier,
    polynomial_options,
)
from hwgen.plan.positions import position_options, positions_form, positions_multiplier
from hwgen.plan.reasons import bound_of, count, explain
from hwgen.plan.runs import run_work
from hwgen.plan.timing import MOST_ENGINES
from hwgen.quant.model import QGraph
from hwgen.spec.model import Accelerator
from rtl_templates.packing.forms import Form
from rtl_templates.packing.lanes import Range

__all__ = ["plan_dataflow"]

_MOST_EVENTS = 200_000
"""Groups and beats of a tensor beyond which only one set of depths is evaluated."""


@dataclass(frozen=True)
class _Choice:
    """The folds of a plan, the interval they aim at, and what the next better one would cost."""

    folds: Mapping[str, Fold]
    interval: int
    better: tuple[int, int] | None  # (interval, multipliers)


def plan_dataflow(qgraph: QGraph, items: Sequence[Item], accelerator: Accelerator) -> Plan:
    """Return the dataflow plan of least interval under the budget, then of fewest multipliers.

    Raises
    ------
    SpecError
        HG401 (fewer multipliers than engines need), HG402 to HG406 (illegal folding), HG414
        (products of activations, which need an array).
    LimitError
        HG411 (more engines than the register map has counters for).
    """
    products = [item.name for item in items if item.work.kind in PRODUCTS]
    if products:
        raise SpecError(
            "HG414",
            f"schedule dataflow with {', '.join(products)}, which multiply activations",
            where=accelerator.mark,
            hint="schedule: sequential, where one array runs them and the linear layers",
        )
    if len(items) > MOST_ENGINES:
        raise LimitError(
            "HG411",
            f"schedule dataflow gives each of {len(items)} layers an engine of its own",
            where=accelerator.mark,
            hint=f"at most {MOST_ENGINES} engines, or schedule: sequential",
        )
    _check_folding(items, accelerator)
    found = {item.name: polynomial_form(item, qgraph, accelerator) for item in items}
    forms = {name: form for name, form in found.items() if form is not None}
    found = {item.name: positions_form(item, qgraph, accelerator) for item in items}
    several = {name: form for name, form in found.items() if form is not None}
    choice = _fold(qgraph, items, accelerator, forms, several)
    tasks = tuple(_task(item, choice.folds[item.name]) for item in items)
    shared = forms | several
    engines = tuple(_engine(item, choice.folds[item.name], shared.get(item.name)) for item in items)
    lanes = {item.name: choice.folds[item.name].lanes for item in items}
    for tensor in qgraph.inputs:
        lanes[tensor.name] = _input_lanes(tensor.elements, choice.interval)
    plan = Plan(
        name=qgraph.name,
        schedule="dataflow",
        engines=engines,
        buffers=(),
        placements=(),
        channels=(),
        tasks=tasks,
        phases=(Phase(tuple(task.name for task in tasks), ""),),
        input_lanes={tensor.name: lanes[tensor.name] for tensor in qgraph.inputs},
        output_lanes={name: lanes[name] for name in qgraph.outputs},
        prediction=Prediction(0, 0, ()),
    )
    plan = _with_channels(plan, qgraph, items, choice, lanes, accelerator.budget.onchip_kib)
    why = _why(plan, choice, accelerator.budget.multipliers)
    return replace(plan, phases=(Phase(plan.phases[0].tasks, why),))


# -- folding --------------------------------------------------------------------------------------


def _check_folding(items: Sequence[Item], accelerator: Accelerator) -> None:
    works = {item.name: item.work for item in items}
    errors: list[Diagnostic] = []
    for layer, spec in accelerator.folding.items():
        if layer in works:
            errors += fold_errors(layer, works[layer], spec)
        else:
            errors.append(
                Diagnostic(
                    "HG406",
                    f"folding of {layer}, which is not a layer of the integer graph",
                    spec.mark,
                    f"layers: {', '.join(works)}",
                )
            )
    if errors:
        raise SpecError.of(errors)


def _fold(
    qgraph: QGraph,
    items: Sequence[Item],
    accelerator: Accelerator,
    forms: Mapping[str, Form],
    several: Mapping[str, Form],
) -> _Choice:
    """Return the cheapest folds of the least interval that fits the budget."""
    budget = accelerator.budget.multipliers
    macs = [item for item in items if item.template == "mac"]
    least = {item.name: _least(item, accelerator, forms.get(item.name)) for item in macs}
    _check_budget(least, accelerator)
    fronts = {}
    for item in items:
        if item.name in forms:
            fronts[item.name] = cheapest(polynomial_options(item.work, forms[item.name]))
        elif item.template == "mac":
            whole = item.work.segments * item.work.elements * item.work.outputs
            whole *= most_groups(item.work)
            spec = accelerator.folding.get(item.name)
            share = share_of([item], qgraph, accelerator)
            options: list[Option] = []
            if item.name in several:
                options += position_options(item.work, several[item.name], spec)
            if item.name not in several or spec is None:
                options += mac_options(item.work, whole, spec, share)
            fronts[item.name] = cheapest(options)
        else:
            fronts[item.name] = vector_options(item.work)
    floor = max(
        *(front[0].cycles for front in fronts.values()),
        *(t.elements // lowest_set_bit(t.elements) for t in qgraph.inputs),
    )
    targets = sorted(
        {floor, *(o.cycles for front in fronts.values() for o in front if o.cycles > floor)}
    )
    low, high = 0, len(targets) - 1
    while low < high:
        middle = (low + high) // 2
        if _multipliers(_pick(fronts, targets[middle])) <= budget:
            high = middle
        else:
            low = middle + 1
    chosen = _pick(fronts, targets[low])
    better = None
    if low:
        better = targets[low - 1], _multipliers(_pick(fronts, targets[low - 1]))
    return _Choice({name: option.fold for name, option in chosen.items()}, targets[low], better)


def _least(item: Item, accelerator: Accelerator, form: Form | None) -> int:
    """Return the fewest multipliers of a layer."""
    return least_multipliers(item, accelerator) if form is None else int(form.products)


def _check_budget(least: Mapping[str, int], accelerator: Accelerator) -> None:
    needed, budget = sum(least.values()), accelerator.budget.multipliers
    if needed <= budget:
        return
    folded = {name: count for name, count in least.items() if name in accelerator.folding}
    what = f"{len(least)} layers multiply by weights and have an engine each"
    if folded:
        shown = ", ".join(f"{name} {count}" for name, count in folded.items())
        what += f", of which folding fixes {shown}"
    raise SpecError(
        "HG401",
        f"schedule dataflow with {budget} multipliers, but {what}",
        where=accelerator.mark,
        hint=f"multipliers: {needed} or more, or schedule: sequential, which needs 1",
    )


def _pick(fronts: Mapping[str, Sequence[Option]], target: int) -> dict[str, Option]:
    """Return the cheapest option of every engine that is fast enough."""
    return {
        name: next(option for option in reversed(front) if option.cycles <= target)
        for name, front in fronts.items()
    }


def _multipliers(chosen: Mapping[str, Option]) -> int:
    return sum(option.multipliers for option in chosen.values())


def _input_lanes(elements: int, interval: int) -> int:
    """Return the fewest lanes with which an input does not bound the interval."""
    lanes = 1
    while elements // lanes > interval and elements % (2 * lanes) == 0:
        lanes *= 2
    return lanes


# -- tasks and channels ---------------------------------------------------------------------------


def _engine(item: Item, fold: Fold, form: Form | None) -> Engine:
    engine = engine_for(item.name, item.template, [item], fold, fifo_beats(item.work, fold))
    if form is None or fold.samples == 1:
        return engine
    if fold.taps > 1:
        return replace(engine, multiplier=polynomial_multiplier(form), weight_bits=int(form.w.bits))
    digit = Range(form.w.low - 1, form.w.high)
    return replace(
        engine, multiplier=positions_multiplier(form), weight_bits=max(2, int(digit.bits))
    )


def _task(item: Item, fold: Fold) -> Task:
    return Task(
        name=item.name,
        node=item.name,
        engine=item.name,
        work=item.work,
        reads=item.node.inputs,
        write_offset=0,
        write_stride=0,
        cycles=issue_cycles(item.work, fold),
        useful=useful_of(item.work),
        bound=bound_of(item.template, item.work, fold),
    )


def _with_channels(
    plan: Plan,
    qgraph: QGraph,
    items: Sequence[Item],
    choice: _Choice,
    lanes: Mapping[str, int],
    onchip_kib: int | None,
) -> Plan:
    """Return the plan with the smallest depths that do not hold up its slowest part.

    Depths beyond those of the first round are tried while they fit the on-chip memory.
    """
    sinks = [
        (item.name, port, name, depth)
        for item in items
        for port, (name, depth) in enumerate(
            zip(item.node.inputs, _depths(item, choice.folds[item.name], lanes), strict=True)
        )
    ]
    bound = max(
        *(task.cycles for task in plan.tasks),
        *(tensor.elements // lanes[tensor.name] for tensor in qgraph.inputs),
    )
    best: Plan | None = None
    for round_ in range(_rounds(plan)):
        channels = [
            _channel(qgraph, name, sink, port, lanes[name], depth.elements(round_), depth.banks)
            for sink, port, name, depth in sinks
        ]
        channels += [
            _channel(qgraph, name, "", 0, lanes[name], 0, lanes[name]) for name in qgraph.outputs
        ]
        trial = replace(plan, channels=tuple(channels))
        if best is not None and not fits_onchip(trial, onchip_kib):
            break
        trial = replace(trial, prediction=prediction(trial))
        if best is None or trial.prediction.interval < best.prediction.interval:
            best = trial
        if best.prediction.interval <= bound:
            break
    assert best is not None
    return best


def _depths(item: Item, fold: Fold, lanes: Mapping[str, int]) -> list[Depth]:
    joins = joins_paths(item.work.kind, item.node.inputs)
    return [
        Depth(item.work, fold, port, lanes[name], joins=joins)
        for port, name in enumerate(item.node.inputs)
    ]


def _rounds(plan: Plan) -> int:
    """Return how many depths to try; a large plan's model takes too long for several."""
    events = sum(
        run_work(task.work, plan.engine(task.engine).fold).positions
        * groups_of(task.work, plan.engine(task.engine).fold)
        for task in plan.tasks
    )
    return ROUNDS if events < _MOST_EVENTS else 1


def _channel(
    qgraph: QGraph, name: str, sink: str, port: int, lanes: int, depth: int, banks: int
) -> Channel:
    kind = qgraph.tensor(name).type
    return Channel(name, name, sink, port, lanes, kind.bits, kind.signed, depth, banks)


def _why(plan: Plan, choice: _Choice, budget: int) -> str:
    """Return what bounds the interval, and what a smaller one would cost."""
    slowest = max(plan.tasks, key=lambda task: task.cycles)
    interval = plan.prediction.interval
    fold = plan.engine(slowest.engine).fold
    text = (
        f"interval {interval}: {slowest.name} issues {count(slowest.cycles, 'cycle')} per tensor, "
        f"{explain(template_of(slowest.work), slowest.work, fold)}"
    )
    for task in plan.tasks:
        for name, port in zip(task.reads, task.work.ports, strict=True):
            lanes = plan.input_lanes.get(name)
            if lanes and port.fresh // lanes > slowest.cycles:
                text = f"interval {interval}: bound by input {name}, {lanes} elements a cycle"
    if choice.better is None:
        return f"{text}; no fold is faster, {plan.multipliers} of {budget} multipliers are used"
    faster, cost = choice.better
    more = count(cost, "multiplier")
    return f"{text}; interval {faster} would take {more}, the budget is {budget}"
