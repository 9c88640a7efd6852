"""Lines that several verbs print."""

from __future__ import annotations

from hwgen.flow.result import PlanFigures

__all__ = ["plan_line"]


def plan_line(plan: PlanFigures) -> str:
    """Return what a plan predicts, in one line."""
    return (
        f"{plan.schedule}: {plan.multipliers} multipliers, latency {plan.latency:,} cycles, "
        f"a result every {plan.interval:,} cycles, utilisation {plan.utilisation:.1%}"
    )
