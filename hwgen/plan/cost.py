"""Issue cycles of a work under a fold: the formulas of ``docs/architecture.md``.

A *group* is the steps that lead to one packet of beats; *length* is the distance in cycles between
the starts of two groups that nothing holds up.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

from hwgen.ops.work import Attend, Work
from hwgen.plan.array_cycles import ArraySize, Fetch, array_slots
from hwgen.plan.block_cycles import block_cycles
from hwgen.plan.caches import ring_of
from hwgen.plan.model import Fold
from hwgen.plan.runs import run_steps, run_work
from hwgen.plan.taps import Taps, real_macs, real_taps
from hwgen.plan.timing import LENGTH_READ, ROW_PERIODS

__all__ = [
    "PRODUCTS",
    "ROWS",
    "array_cycles",
    "array_size",
    "group_beats",
    "group_results",
    "groups_of",
    "issue_cycles",
    "length_of",
    "lowest_set_bit",
    "padded_cycles",
    "power_of_two_at_least",
    "reads_of",
    "side_of",
    "steps_of",
    "taps_of",
    "task_cycles",
    "template_of",
    "useful_of",
]

PRODUCTS = frozenset({"matmul", "attention"})
"""Kinds of work that multiply activations by activations, on a systolic array."""

ROWS = frozenset(ROW_PERIODS)
"""Kinds of work whose groups are whole rows."""


def template_of(work: Work, *, array: bool = False) -> str:
    """Return the template that executes a work.

    ``mac``, ``mac_array`` (operands in blocks of 4 and 8 bits), ``array``, ``row``, ``pack``,
    ``vector``.

    Parameters
    ----------
    array
        Whether there is an array for other work: linear layers, ``mac`` work without reduce
        loops, then run on it too.
    """
    if work.kind in PRODUCTS:
        return "array"
    if work.kind in ROWS:
        return "row"
    if work.kind != "mac":
        return "pack" if work.kind == "pack" else "vector"
    if work.blocks:
        return "mac_array"
    return "array" if array and not work.reduce else "mac"


def useful_of(work: Work) -> int:
    """Return the multiplications that an op needs for one tensor, of weights or activations.

    Those by padding are not needed.
    Attention counts the pairs of a query and a key that it sees, with a full cache and no
    padding.
    """
    attend = work.attend
    if attend is None:
        return real_macs(work) if work.kind == "mac" else 0
    if work.kind == "matmul":
        return attend.queries * attend.inner * attend.features
    return _pairs(attend) * attend.heads * (attend.inner + attend.features)


def _pairs(attend: Attend) -> int:
    """Return the pairs of a query and a key that it sees, of one head."""
    pairs = 0
    for query in range(attend.queries):
        seen = attend.keys - attend.queries + query + 1 if attend.causal else attend.keys
        if attend.window:
            seen = min(seen, attend.window + min(attend.sinks, max(0, seen - attend.window)))
        pairs += max(0, seen)
    return pairs


def lowest_set_bit(number: int) -> int:
    """Return the largest power of two that divides a positive number."""
    return number & -number


def power_of_two_at_least(number: int) -> int:
    """Return the smallest power of two that is not below a positive number."""
    return 1 << (number - 1).bit_length()


def steps_of(work: Work, fold: Fold) -> int:
    """Return the steps of a group, those in padding included."""
    match work.kind:
        case "mac":
            if fold.samples > 1:
                return prod(run_steps(work, fold))
            if fold.flat:
                return -(-work.segments * work.elements // fold.elements)
            return work.segments // fold.rows * -(-work.elements // fold.elements)
        case "add" | "mul":
            return len(work.ports)
        case "concat":
            return 1
        case "norm" | "softmax" | "hadamard" | "pack":
            return work.channel.count // fold.lanes
        case _:
            return work.segments


def group_beats(work: Work, fold: Fold) -> tuple[int, ...]:
    """Return the beats of each group of one position; only a partial last group has fewer.

    A run of several samples is one position, whose beats leave together with the last group.
    """
    if work.kind in ROWS:
        return (work.channel.count // fold.lanes,)
    if work.kind == "pack":
        return (work.channel.count // fold.lanes + 1,)  # the codes of a row, and its size
    if work.kind != "mac":
        return (1,) * (work.channel.count // fold.lanes)
    if fold.samples > 1:
        blocks = work.outputs // fold.outputs
        return (0,) * (blocks - 1) + (fold.samples * work.outputs // fold.lanes,)
    side = side_of(work, fold)
    if side > 1:
        whole, rest = divmod(work.channel.count, side)
        sizes = [side * work.outputs] * whole + ([rest * work.outputs] if rest else [])
        return tuple(-(-size // fold.lanes) for size in sizes)
    whole, rest = divmod(work.outputs, fold.outputs)
    sizes = [fold.outputs] * whole + ([rest] if rest else [])
    return tuple(-(-size // fold.lanes) for size in sizes) * work.channel.count


def side_of(work: Work, fold: Fold) -> int:
    """Return how many convolution groups a ``mac`` engine works on at once.

    ``fold.groups``; and an engine that is larger than a group takes as many whole ones, side by
    side, as its elements and outputs hold: their weights make a block diagonal of a word.
    """
    if fold.groups > 1 or not (work.channel.dy == 0 and work.channel.dx == work.elements):
        return fold.groups
    fit = min(fold.elements // work.elements, fold.outputs // work.outputs)
    return max(1, min(fit, work.channel.count))


def group_results(work: Work, fold: Fold) -> int:
    """Return the results of a group of ``mac`` work; only a partial last one has fewer."""
    side = min(side_of(work, fold), work.channel.count)
    return fold.samples * side * min(fold.outputs, work.outputs)


def groups_of(work: Work, fold: Fold) -> int:
    """Return the groups of one position."""
    if work.kind == "mac":
        return -(-work.channel.count // side_of(work, fold)) * -(-work.outputs // fold.outputs)
    return 1 if work.kind in (*ROWS, "pack") else work.channel.count // fold.lanes


@lru_cache(maxsize=4096)
def taps_of(work: Work, fold: Fold) -> Taps | None:
    """Return what the groups take where an engine skips padding; None if it does not.

    It does if padding reads as 0 (so that it adds nothing) and if the beats of a group leave in
    no more cycles than the shortest group has steps.
    """
    taps = real_taps(work, fold) if work.pad == 0 else None
    if taps is None or -(-group_results(work, fold) // fold.lanes) > taps.least:
        return None
    return taps


def length_of(work: Work, fold: Fold) -> int:
    """Return the cycles from the start of a group to the earliest start of the next one.

    Of a group inside of the tensor, where padding is skipped.
    """
    steps = steps_of(work, fold)
    if work.kind == "pack":
        return steps + 1
    if work.kind != "mac":
        return max(steps, ROW_PERIODS.get(work.kind, 1))
    return max(steps, -(-group_results(work, fold) // fold.lanes))


def issue_cycles(work: Work, fold: Fold) -> int:
    """Return the cycles that an engine needs for one tensor when nothing holds it up."""
    taps = taps_of(work, fold)
    if taps is not None:
        return groups_of(work, fold) * taps.total
    return run_work(work, fold).positions * groups_of(work, fold) * length_of(work, fold)


def task_cycles(template: str, work: Work, fold: Fold) -> int:
    """Return the cycles of a task: of an array from start to last beat, else issue cycles."""
    if template == "mac_array":
        return block_cycles(work, fold)
    return array_cycles(work, fold) if template == "array" else issue_cycles(work, fold)


@lru_cache(maxsize=4096)
def array_cycles(
    work: Work,
    fold: Fold,
    seen: int | None = None,
    length: int | None = None,
    fetch: Fetch | None = None,
) -> int:
    """Return the cycles of a task on an array, from its start to its last beat.

    Parameters
    ----------
    seen
        Tokens in the caches before this tensor; full ones by default.
    length
        Keys that count in padded attention; all of them by default.
    fetch
        How keys and values come, if they lie in external memory.
    """
    attend = work.attend
    if attend is not None and attend.cached and seen is None:
        seen = ring_of(attend).fullest(attend.queries)
    slots = array_slots(work, array_size(fold), seen=seen or 0, length=length, fetch=fetch)
    read = LENGTH_READ if attend is not None and attend.padded else 0
    return slots.last_beat + read


def array_size(fold: Fold) -> ArraySize:
    """Return the size of an array as its recurrence needs it."""
    return ArraySize(
        rows=fold.rows,
        columns=fold.outputs,
        reads=reads_of("array", fold),
        beat=fold.lanes,
        normalisers=fold.normalisers,
        scores=fold.scores,
        stays=fold.stays,
    )


def padded_cycles(work: Work, fold: Fold) -> int:
    """Return the cycles of an array's products with whole tiles, one after the other."""
    attend = work.attend
    if attend is None:
        stays, streams = work.outputs, work.elements
        if fold.stays:
            stays, streams = streams, stays
        return -(-work.row.count // fold.outputs) * -(-stays // fold.rows) * streams
    rows, columns = fold.rows, fold.outputs
    if work.kind == "matmul":
        stays, streams = (
            (attend.features, attend.inner)
            if attend.transposed
            else (attend.inner, attend.features)
        )
        return -(-attend.queries // columns) * -(-stays // rows) * streams
    blocks = -(-attend.queries * attend.heads // attend.kv_heads // columns)
    tiles = -(-attend.keys // rows)
    return attend.kv_heads * blocks * tiles * (attend.inner + attend.features)


def reads_of(template: str, fold: Fold) -> int:
    """Return the contiguous elements that one read delivers."""
    mac = fold.reads or fold.elements * fold.groups
    reads = {"mac": mac, "array": fold.reads or fold.rows, "mac_array": fold.reads}
    return reads.get(template, fold.lanes)
