"""Issue cycles of a work under a fold: the formulas of ``docs/architecture.md``.

A *group* is the steps that lead to one packet of beats; *length* is the distance in cycles between
the starts of two groups that nothing holds up.
"""

from __future__ import annotations

from hwgen.ops.work import Work
from hwgen.plan.model import Fold

__all__ = [
    "group_beats",
    "groups_of",
    "issue_cycles",
    "length_of",
    "lowest_set_bit",
    "power_of_two_at_least",
    "reads_of",
    "steps_of",
    "template_of",
]


def template_of(work: Work) -> str:
    """Return the template that executes a work: ``mac`` or ``vector``."""
    return "mac" if work.kind == "mac" else "vector"


def lowest_set_bit(number: int) -> int:
    """Return the largest power of two that divides a positive number."""
    return number & -number


def power_of_two_at_least(number: int) -> int:
    """Return the smallest power of two that is not below a positive number."""
    return 1 << (number - 1).bit_length()


def steps_of(work: Work, fold: Fold) -> int:
    """Return the steps of a group."""
    match work.kind:
        case "mac":
            return work.segments // fold.rows * -(-work.elements // fold.elements)
        case "add":
            return len(work.ports)
        case "concat":
            return 1
        case _:
            return work.segments


def group_beats(work: Work, fold: Fold) -> tuple[int, ...]:
    """Return the beats of each group of one position; only a partial last group has fewer."""
    if work.kind != "mac":
        return (1,) * (work.channel.count // fold.lanes)
    whole, rest = divmod(work.outputs, fold.outputs)
    sizes = [fold.outputs] * whole + ([rest] if rest else [])
    return tuple(-(-size // fold.lanes) for size in sizes) * work.channel.count


def groups_of(work: Work, fold: Fold) -> int:
    """Return the groups of one position."""
    if work.kind == "mac":
        return work.channel.count * -(-work.outputs // fold.outputs)
    return work.channel.count // fold.lanes


def length_of(work: Work, fold: Fold) -> int:
    """Return the cycles from the start of a group to the earliest start of the next one."""
    steps = steps_of(work, fold)
    if work.kind != "mac":
        return steps
    return max(steps, -(-min(fold.outputs, work.outputs) // fold.lanes))


def issue_cycles(work: Work, fold: Fold) -> int:
    """Return the cycles that an engine needs for one tensor when nothing holds it up."""
    return work.positions * groups_of(work, fold) * length_of(work, fold)


def reads_of(work: Work, fold: Fold) -> int:
    """Return the contiguous elements that one read delivers."""
    return fold.elements if work.kind == "mac" else fold.lanes
