"""From an integer graph and a budget to a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hwgen.errors import SpecError
from hwgen.plan.block_checks import check_blocks
from hwgen.plan.check import check_plan
from hwgen.plan.dataflow import plan_dataflow
from hwgen.plan.items import Item, items_of
from hwgen.plan.memory import check_onchip
from hwgen.plan.model import Plan
from hwgen.plan.multipliers import (
    fabric,
    in_tables,
    needed,
    runs_out,
    saving,
    with_multipliers,
)
from hwgen.plan.packed import check_packed
from hwgen.plan.polynomial import check_polynomial, worth_polynomials
from hwgen.plan.positions import check_positions
from hwgen.plan.sequential import plan_sequential
from hwgen.plan.streaming import stream_figures
from hwgen.quant.lengths import at_length
from hwgen.quant.model import QGraph
from hwgen.spec.model import Accelerator

__all__ = ["make_plan"]

_SCHEDULES = {"sequential": plan_sequential, "dataflow": plan_dataflow}


def make_plan(qgraph: QGraph, accelerator: Accelerator) -> Plan:
    """Return the plan of a qgraph: sizes, storage, order and predicted cycles of all hardware.

    Deterministic.  The plan has been checked with :func:`check_plan`.

    Raises
    ------
    SpecError
        HG401 (too few multipliers), HG402 to HG407 (illegal folding), HG409 (unknown schedule),
        HG412 to HG414 (arrays), HG430, HG431 (caches of 4 bits), HG438 (dataflow with tensors of
        several lengths), HG472, HG477, HG478 (blocks of 4 and 8 bits), HG474 (sums that wrap in a
        shared engine), HG433 (polynomials without dataflow), HG445 to HG448 (foldings over
        positions), HG480 (packed multipliers of an unknown family).
    LimitError
        HG408 (more on-chip memory than the budget), HG411 (more engines than there can be).
    """
    schedule = _SCHEDULES.get(accelerator.schedule)
    if schedule is None:
        raise SpecError(
            "HG409",
            f"schedule {accelerator.schedule!r} is not known",
            where=accelerator.mark,
            hint=f"legal: {', '.join(_SCHEDULES)}",
        )
    items = items_of(qgraph)
    check_packed(items, accelerator)
    check_blocks(items, accelerator)
    if qgraph.lengths and accelerator.schedule != "sequential":
        raise SpecError(
            "HG438",
            f"tensors of {', '.join(map(str, qgraph.lengths))} tokens with schedule "
            f"{accelerator.schedule}",
            where=accelerator.mark,
            hint="schedule: sequential, whose list of phases is that of the length at hand",
        )
    check_polynomial(accelerator)
    check_positions(items, qgraph, accelerator)
    plan = _planned(schedule, qgraph, items, accelerator)
    plan = replace(plan, stream=stream_figures(plan, qgraph))
    _check_wraps(plan, qgraph, accelerator)
    for one in plan.variants:
        check_plan(one, at_length(qgraph, one.tokens), accelerator.budget.multipliers)
    check_onchip(plan, accelerator.budget.onchip_kib, accelerator.mark)
    return plan


def _planned(
    schedule: Callable[[QGraph, Sequence[Item], Accelerator], Plan],
    qgraph: QGraph,
    items: Sequence[Item],
    accelerator: Accelerator,
) -> Plan:
    """Return the plan with its multipliers: others than plain ones where the device has too few."""
    plan = with_multipliers(schedule(qgraph, items, accelerator), qgraph, items, accelerator)
    if not runs_out(plan, accelerator):
        return plan
    parts = accelerator.parts or 0
    plans = []
    for kind in ("packed", "polynomial"):
        chosen = replace(accelerator, multiplier=kind)
        if kind == "polynomial" and not worth_polynomials(items, qgraph, chosen):
            break
        plan = with_multipliers(schedule(qgraph, items, chosen), qgraph, items, chosen)
        plans.append(saving(plan, qgraph, items, parts))
        if needed(plan) <= parts and kind == "packed":
            break  # nothing is in tables
    best = min(plans, key=lambda p: (max(0, needed(p) - parts), fabric(p) * p.prediction.interval))
    return best if len(plans) == 1 else _with_reason(best, plans[0], plans[1], parts)


def _with_reason(best: Plan, packed: Plan, polynomial: Plan, parts: int) -> Plan:
    """Return the plan that was chosen with the reason why."""
    texts = [
        f"{in_tables(plan)} products a cycle in lookup tables and interval "
        f"{plan.prediction.interval}"
        for plan in (packed, polynomial)
    ]
    kind = "several samples per multiplier" if best is polynomial else "packed weights"
    why = (
        f"multipliers: {kind}, as the device has {parts} and tables times cycles are less (packed "
        f"weights: {texts[0]}; convolutions with several samples per multiplier: {texts[1]})"
    )
    first, *rest = best.phases
    return replace(best, phases=(replace(first, why=f"{first.why}; {why}"), *rest))


def _check_wraps(plan: Plan, qgraph: QGraph, accelerator: Accelerator) -> None:
    """Refuse sums that wrap in an accumulator of another width than the engine's."""
    for task in plan.tasks:
        bits, engine = qgraph.node(task.node).lowered.attrs.get("wrap", 0), plan.engine(task.engine)
        if bits and (engine.template != "mac" or engine.acc_bits != bits):
            raise SpecError(
                "HG474",
                f"the sums of {task.node} wrap at {bits} bits, and the {engine.template} engine "
                f"that it shares has {engine.acc_bits}",
                where=accelerator.mark,
                hint="schedule: dataflow, or the same accumulator for all layers of the engine",
            )
