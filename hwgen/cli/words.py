"""Lines that several verbs print."""

from __future__ import annotations

from hwgen.flow.result import PlanFigures
from hwgen.plan.text import stream_text

__all__ = ["plan_line"]


def plan_line(plan: PlanFigures) -> str:
    """Return what a plan predicts, in one line; another one is about its stream, if it has one."""
    line = (
        f"{plan.schedule}: {plan.multipliers} multipliers, latency {plan.latency:,} cycles, "
        f"a result every {plan.interval:,} cycles, utilisation {plan.utilisation:.1%}"
    )
    return f"{line}\n{stream_text(plan.stream)}" if plan.stream else line
