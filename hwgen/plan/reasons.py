"""Why a task takes the cycles it takes, in words."""

from __future__ import annotations

from hwgen.ops.work import Work
from hwgen.plan.cost import group_beats, issue_cycles, steps_of
from hwgen.plan.model import Fold

__all__ = ["bound_of", "count", "explain"]


def count(number: int, what: str) -> str:
    """Return ``1 lane``, ``2 lanes``.

    Examples
    --------
    >>> count(1, "multiplier"), count(3, "multiplier")
    ('1 multiplier', '3 multipliers')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def bound_of(work: Work, fold: Fold) -> str:
    """Return what limits a task.

    ``output``: groups wait for their beats to leave; ``fill``: some of the last words of
    segments or groups are padding; ``input``: a reader of one element a cycle that cannot use
    more; ``lanes``: every multiplier or lane works in every cycle.
    """
    if work.kind != "mac":
        widened = work.kind == "argmax" or (work.channel.count > 1 and work.channel.dx != 1)
        return "input" if widened else "lanes"
    if group_beats(work, fold)[0] > steps_of(work, fold):
        return "output"
    return "fill" if work.macs < issue_cycles(work, fold) * fold.multipliers else "lanes"


def explain(work: Work, fold: Fold) -> str:
    """Return one sentence part about a task's bound, with numbers."""
    bound = bound_of(work, fold)
    cycles = issue_cycles(work, fold)
    if bound == "output":
        beats = group_beats(work, fold)[0]
        return f"bound by its output: {count(beats, 'beat')} of {fold.lanes} leave per group"
    if bound == "fill":
        used = work.macs / (cycles * fold.multipliers)
        return (
            f"bound by {count(fold.multipliers, 'multiplier')}, {used:.0%} of their cycles useful "
            f"(the rest is padding of the last word of {work.elements} elements "
            f"or the last group of {work.outputs} outputs)"
        )
    if bound == "input":
        return "bound by its input: one element a cycle"
    if work.kind == "mac":
        return f"bound by {count(fold.multipliers, 'multiplier')}, always busy"
    return f"bound by {count(fold.lanes, 'lane')}"
