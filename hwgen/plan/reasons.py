"""Why a task takes the cycles it takes, in words."""

from __future__ import annotations

from hwgen.ops.work import Work
from hwgen.plan.block_cycles import block_cycles, least_cycles
from hwgen.plan.cost import (
    issue_cycles,
    length_of,
    padded_cycles,
    steps_of,
    task_cycles,
    useful_of,
)
from hwgen.plan.model import BLOCK_PRODUCTS, Fold

__all__ = ["bound_of", "count", "explain"]

_NOTED = 0.05
"""Part of an array's cycles below which a loss is not called a bound."""


def count(number: float, what: str) -> str:
    """Return ``1 lane``, ``2 lanes``.

    Examples
    --------
    >>> count(1, "multiplier"), count(3, "multiplier")
    ('1 multiplier', '3 multipliers')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def bound_of(template: str, work: Work, fold: Fold) -> str:
    """Return what limits a task.

    ``output``: groups wait for their beats to leave; ``fill``: some of the last words of
    segments or groups, or of the rows and columns of an array, are padding; ``input``: a reader
    of one element a cycle that cannot use more, or an array that waits for its operands;
    ``unit``: short rows wait for the one unit that finds a row's root or quotient; ``lanes``:
    every multiplier or lane works in every cycle.
    """
    if template == "mac_array":
        return _block_bound(work, fold)
    if template == "array":
        cycles, padded = task_cycles(template, work, fold), padded_cycles(work, fold)
        if cycles - padded > _NOTED * cycles:
            return "input"
        return "fill" if useful_of(work) < (1 - _NOTED) * padded * fold.multipliers else "lanes"
    if template == "row":
        return "unit" if length_of(work, fold) > steps_of(work, fold) else "lanes"
    if template not in ("mac", "pack"):
        alone = work.channel.count > 1 and work.channel.dx != 1 and work.kind != "gather"
        widened = work.kind == "argmax" or alone
        return "input" if widened else "lanes"
    if length_of(work, fold) > steps_of(work, fold):
        return "output"
    return "fill" if useful_of(work) < issue_cycles(work, fold) * fold.multipliers else "lanes"


def explain(template: str, work: Work, fold: Fold) -> str:
    """Return one sentence part about a task's bound, with numbers."""
    bound = bound_of(template, work, fold)
    cycles = task_cycles(template, work, fold)
    if template == "array":
        return _explain_array(bound, work, fold, cycles)
    if template == "mac_array":
        return _explain_blocks(bound, work, fold, cycles)
    if bound == "output":
        beats = length_of(work, fold)
        return f"bound by its output: {count(beats, 'beat')} of {fold.lanes} leave per group"
    if bound == "fill":
        used = useful_of(work) / (cycles * fold.multipliers)
        if fold.samples > 1:
            return (
                f"bound by {count(fold.multipliers, 'multiplier')}, {used:.0%} of their cycles "
                f"useful (the rest is padding: of the last {fold.samples} samples of a line, "
                f"of the last {fold.taps} taps of the kernel, or of the tensor)"
            )
        return (
            f"bound by {count(fold.multipliers, 'multiplier')}, {used:.0%} of their cycles useful "
            f"(the rest is padding: of the last word of {work.elements} elements, "
            f"of the last group of {work.outputs} outputs, or of the tensor)"
        )
    if bound == "unit":
        unit = {"norm": "root", "softmax": "division"}[work.kind]
        return f"bound by one {unit} per row, which takes {count(length_of(work, fold), 'cycle')}"
    if bound == "input":
        return "bound by its input: one element a cycle"
    if template == "mac":
        return f"bound by {count(fold.multipliers, 'multiplier')}, always busy"
    return f"bound by {count(fold.lanes, 'lane')}"


def _block_bound(work: Work, fold: Fold) -> str:
    cycles, least = block_cycles(work, fold), least_cycles(work, fold)
    if cycles - least > _NOTED * cycles:
        return "input"
    return "fill" if work.digit_products < (1 - _NOTED) * least * fold.multipliers else "lanes"


def _explain_blocks(bound: str, work: Work, fold: Fold, cycles: int) -> str:
    used = work.digit_products / (cycles * fold.multipliers)
    four = sum(block.bits == 4 for block in work.blocks)
    text = (
        f"{fold.rows} x {fold.outputs // 2} multipliers of {BLOCK_PRODUCTS} products of 4 bits, "
        f"{used:.0%} of their cycles useful; {four} of {len(work.blocks)} blocks have 4 bits"
        f"{', weights two digits' if work.digits > 1 else ''}"
    )
    if bound == "input":
        waits = cycles - least_cycles(work, fold)
        return f"{text}: bound by its operands and results, for which it waits {waits} cycles"
    return f"{text}: the rest is padding of tiles" if bound == "fill" else text


def _explain_array(bound: str, work: Work, fold: Fold, cycles: int) -> str:
    used = useful_of(work) / (cycles * fold.multipliers)
    text = f"{fold.rows} x {fold.outputs} multipliers, {used:.0%} of their cycles useful"
    if work.kind == "mac":
        text += f", {'operand' if fold.stays else 'output'} stationary"
    if bound == "input":
        waits = cycles - padded_cycles(work, fold)
        return f"{text}: bound by its operands, for which it waits {count(waits, 'cycle')}"
    if bound == "fill":
        return f"{text}: the rest is padding of the last tiles, and keys that queries do not see"
    return text
