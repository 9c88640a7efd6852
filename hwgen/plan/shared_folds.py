"""The sizes of engines that several works share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf

import numpy as np
import numpy.typing as npt

from hwgen.errors import SpecError
from hwgen.ops.work import Work
from hwgen.plan.array_lanes import score_units
from hwgen.plan.block_cycles import block_cycles
from hwgen.plan.block_folds import block_budget, block_fold
from hwgen.plan.cost import (
    array_cycles,
    issue_cycles,
    lowest_set_bit,
    power_of_two_at_least,
    reads_of,
    side_of,
    useful_of,
)
from hwgen.plan.folding import least_lanes, mac_sizes, output_sizes, taken, vector_lanes
from hwgen.plan.model import BLOCK_PRODUCTS, Fold
from hwgen.plan.stationary import WORTH, array_total
from hwgen.plan.taps import real_taps
from hwgen.spec.model import Accelerator

__all__ = ["WORTH", "fewest_normalisers", "shared_folds"]

_Total = Callable[[Counter[Work], Fold], int]
"""The cycles of an array for some works."""

_ORDER = ("mac", "array", "mac_array", "row", "vector", "pack")

_NEVER = np.int64(1) << 62

_HEIGHTS = (8, 16, 32, 64)
"""Rows of an array where no attention fixes them."""

_WIDEST_BEAT = 64
"""Elements of a beat of an array's results."""

_WIDEST_READ = 128
"""Elements of an array's read."""


def shared_folds(
    jobs: Sequence[tuple[str, Work]],
    accelerator: Accelerator,
    stationary: bool = True,
    share: int = 1,
) -> dict[str, Fold]:
    """Return the size of the engine of each template that (template, work) pairs name.

    Multipliers are shared out so that the sum of all cycles is least; then lanes are chosen.

    Parameters
    ----------
    stationary
        Whether linear layers on an array may be operand stationary.
    share
        Outputs whose weights can share a multiplier of the device.

    Raises
    ------
    SpecError
        HG412 (fewer multipliers than the least array needs), HG413 (attention with tiles of
        different sizes), HG478 (too few for an array of operands in blocks).
    """
    works: dict[str, list[Work]] = {}
    for template, work in jobs:
        works.setdefault(template, []).append(work)
    folds: dict[str, Fold] = {}
    busy = 0
    if "mac_array" in works:
        folds["mac_array"], accelerator = _beside(works, accelerator)
        busy += sum(block_cycles(work, folds["mac_array"]) for work in works["mac_array"])
    if "array" in works:
        macs = works.get("mac", [])
        total = partial(array_total, stationary=stationary)
        folds["array"] = _array_fold(works["array"], macs, accelerator, total)
        busy += total(Counter(works["array"]), folds["array"])
    if "mac" in works:
        left = accelerator.budget.multipliers
        left -= folds["array"].multipliers if "array" in folds else 0
        folds["mac"] = _mac_fold(works["mac"], left, share)
        busy += sum(issue_cycles(work, folds["mac"]) for work in works["mac"])
    for template in ("row", "vector", "pack"):
        if template in works:
            folds[template] = _lane_fold(works[template], busy)
            busy += sum(issue_cycles(work, folds[template]) for work in works[template])
    return {template: folds[template] for template in _ORDER if template in works}


def _beside(
    works: Mapping[str, Sequence[Work]], accelerator: Accelerator
) -> tuple[Fold, Accelerator]:
    """Return the ``mac_array``, and the accelerator with what it leaves of the budget."""
    budget = accelerator.budget.multipliers
    tiles = [work.attend.tile for work in works.get("array", ()) if work.attend]
    least = (max([*tiles, _HEIGHTS[0]]) if "array" in works else 0) + ("mac" in works)
    if budget < BLOCK_PRODUCTS + least:
        others = f", and other engines {least} more" if least else ""
        raise SpecError(
            "HG478",
            f"{budget} multipliers, but a layer with blocks of 4 and 8 bits needs "
            f"{BLOCK_PRODUCTS} multiplications a cycle{others}",
            where=accelerator.mark,
            hint=f"multipliers: {BLOCK_PRODUCTS + least} or more",
        )
    passes = [work.digit_products for work in works["mac_array"]]
    elsewhere = [useful_of(work) for name in ("mac", "array") for work in works.get(name, ())]
    fold = block_fold(works["mac_array"], block_budget(passes, elsewhere, budget, least))
    left = replace(accelerator.budget, multipliers=budget - fold.multipliers)
    return fold, replace(accelerator, budget=left)


def _array_fold(
    works: Sequence[Work], macs: Sequence[Work], accelerator: Accelerator, total: _Total
) -> Fold:
    """Return the array of least cycles, then of fewest multipliers, then of narrowest beats."""
    budget = accelerator.budget.multipliers - bool(macs)  # a mac engine needs one at least
    counts = Counter(works)
    tiles = sorted({work.attend.tile for work in works if work.kind == "attention" and work.attend})
    if len(tiles) > 1:
        raise SpecError(
            "HG413",
            f"attention with tiles of {' and '.join(map(str, tiles))} keys in one graph",
            where=accelerator.mark,
            hint=f"one array runs all of it: give every layer the same tile, such as {tiles[-1]}",
        )
    heights = tiles or [rows for rows in _HEIGHTS if rows <= max(budget, _HEIGHTS[0])]
    if heights[0] > budget:
        raise SpecError(
            "HG412",
            f"{accelerator.budget.multipliers} multipliers, but an array of {heights[0]} rows and "
            f"one column needs {heights[0]}" + (", and convolution one more" if macs else ""),
            where=accelerator.mark,
            hint=f"multipliers: {heights[0] + bool(macs)} or more"
            + (", or a smaller tile of attention" if tiles else ""),
        )
    widest = min(lowest_set_bit(work.outputs) for work in works)
    needed = {_columns(work) for work in counts}
    options = [
        _option(counts, rows, columns, lanes)
        for rows in heights
        for columns in sorted({n for most in needed for n in mac_sizes(most, budget // rows)})
        for lanes in _powers(min(widest, rows, _WIDEST_BEAT))
    ]
    least = {fold: sum(n * _ideal(work, fold) for work, n in counts.items()) for fold in options}
    best: tuple[float, int, int, Fold] = (inf, 0, 0, Fold())
    for fold in sorted(options, key=lambda fold: (least[fold], fold.multipliers, fold.lanes)):
        if least[fold] > best[0]:
            break  # nothing that follows can be better
        cycles = total(counts, fold)
        if macs:
            rest = _mac_fold(macs, budget + 1 - fold.multipliers)
            cycles += sum(issue_cycles(work, rest) for work in macs)
        best = min(best, (cycles, fold.multipliers, fold.lanes, fold), key=lambda item: item[:3])
    return _widened(counts, best[3], total)


def _widened(counts: Counter[Work], fold: Fold, total: _Total) -> Fold:
    """Return an array with reads so wide that twice as many would save next to nothing.

    They are no wider than the array, as they cost banks of the shared buffer.  The port of
    external memory decides how caches there are read.
    """
    if any(work.attend and work.attend.external for work in counts):
        return fold
    cycles = total(counts, fold)
    widest = min(power_of_two_at_least(fold.outputs), _WIDEST_READ)
    while reads_of("array", fold) < widest:
        wider = replace(fold, reads=2 * reads_of("array", fold))
        fewer = total(counts, wider)
        if cycles - fewer < WORTH * cycles:
            break
        fold, cycles = wider, fewer
    return fold


def _option(works: Iterable[Work], rows: int, columns: int, lanes: int) -> Fold:
    """Return an array of this size, with what attention needs beside it."""
    normalisers = fewest_normalisers(works, rows, columns, lanes)
    scores = score_units(works, rows, columns)
    return Fold(rows, 1, columns, lanes, normalisers, scores=scores)


def fewest_normalisers(works: Iterable[Work], rows: int, columns: int, lanes: int) -> int:
    """Return the fewest normalisers with which no attention waits for the one before it.

    Fewer than that if beats are too narrow for them.
    """
    legal = [n for n in range(1, min(columns, lanes) + 1) if columns % n == 0]
    scores = score_units(works, rows, columns)
    for count in legal:
        fold = Fold(rows, 1, columns, lanes, count, scores=scores)
        many = replace(fold, normalisers=legal[-1])
        if all(
            array_cycles(work, fold) <= array_cycles(work, many) * (1 + WORTH)
            for work in works
            if work.kind == "attention"
        ):
            return count
    return legal[-1]


def _columns(work: Work) -> int:
    """Return the columns that a work could use at once: tokens, or query rows of a key head."""
    attend = work.attend
    if attend is None:
        return work.row.count
    return attend.queries * (attend.heads // attend.kv_heads)


def _ideal(work: Work, fold: Fold) -> int:
    """Return cycles that no array of this size can beat."""
    blocks = -(-_columns(work) // fold.outputs)
    if work.attend is None:
        ways = ((work.outputs, work.elements), (work.elements, work.outputs))
        return blocks * min(-(-stays // fold.rows) * streams for stays, streams in ways)
    return -(-useful_of(work) // fold.multipliers)


def _powers(most: int) -> list[int]:
    return [1 << k for k in range(most.bit_length())]


def _mac_fold(works: Sequence[Work], budget: int, share: int = 1) -> Fold:
    """Return the fold of least total issue cycles, then of fewest multipliers.

    Then of the fewest of the device, of which the weights of ``share`` outputs can share one.

    Beats are as narrow as the steps allow: a beat divides the outputs of a group of every work.
    """
    elements = sorted({n for work in works for n in mac_sizes(work.elements, budget)})
    outputs = sorted({n for work in works for n in output_sizes(work.outputs, budget)})
    sizes = np.array(elements, dtype=np.int64)
    steps = {work: _steps(work, elements) for work in set(works)}
    best: tuple[float, int, int, int, int, int] = (inf, 0, 0, 0, 0, 0)
    for size in outputs:
        legal = sizes[: np.searchsorted(sizes, budget // size, side="right")]
        if not legal.size:
            break
        sides = {work: _sides(work, legal, size) for work in steps}
        widest = np.min([_widest_beats(work, size, sides[work]) for work in steps], axis=0)
        lanes = 1
        while lanes <= widest.max():
            total = np.where(lanes <= widest, 0, _NEVER)
            for work in works:
                nominal, least, real = steps[work][:, : legal.size]
                side = sides[work]
                beats = -(-side * min(size, work.outputs) // lanes)
                cycles = np.where(beats <= least, real, np.maximum(nominal, beats) * work.positions)
                groups = -(-work.channel.count // side) * -(-work.outputs // size)
                total = np.minimum(total + cycles * groups, _NEVER)
            least = int(np.argmin(total))  # the first of equals: fewest multipliers
            cell = int(legal[least])
            hard = taken(Fold(1, cell, size, lanes), share)
            best = min(best, (int(total[least]), cell * size, hard, lanes, size, cell))
            lanes *= 2
    _, _, _, lanes, size, cell = best
    return Fold(1, cell, size, lanes)


def _steps(work: Work, elements: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return, by elements at once: steps of a group, those of the shortest, of all positions.

    Where no padding can be skipped the shortest is 0, as no beat is that fast.
    """
    rows = []
    for size in elements:
        taps = real_taps(work, Fold(1, size)) if work.pad == 0 else None
        nominal = work.segments * -(-work.elements // size)
        rows.append((nominal, taps.least, taps.total) if taps else (nominal, 0, 0))
    return np.array(rows, dtype=np.int64).T


def _sides(work: Work, elements: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Return, by elements at once, the convolution groups that are worked on side by side."""
    folds = (Fold(1, int(cell), size) for cell in elements)
    return np.array([side_of(work, fold) for fold in folds], dtype=np.int64)


def _widest_beats(work: Work, size: int, sides: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the most lanes by groups side by side: see ``hwgen.plan.folding.widest_beat``."""
    whole = np.where(sides > 1, work.channel.count * work.outputs, work.outputs)
    block = np.where(sides > 1, sides * work.outputs, size)
    return np.where(block >= whole, whole & -whole, np.minimum(whole & -whole, block & -block))


def _lane_fold(works: Sequence[Work], busy: int) -> Fold:
    """Return the fewest lanes beyond which twice as many would save next to nothing."""
    most = min(vector_lanes(work) for work in works)
    lanes = max(least_lanes(work) for work in works)
    while lanes < most:
        cycles = sum(issue_cycles(work, Fold(lanes=lanes)) for work in works)
        faster = sum(issue_cycles(work, Fold(lanes=2 * lanes)) for work in works)
        if cycles - faster < WORTH * (busy + cycles):
            break
        lanes *= 2
    return Fold(lanes=lanes)
