"""The size of a ``mac_array``, and its part of the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf, isqrt

from hwgen.ops.work import Work
from hwgen.plan.block_cycles import block_cycles, least_cycles
from hwgen.plan.cost import lowest_set_bit
from hwgen.plan.folding import mac_sizes
from hwgen.plan.model import BLOCK_PRODUCTS, Fold
from hwgen.plan.stationary import WORTH

__all__ = ["block_budget", "block_fold"]

_TOKENS = _OUTPUTS = 2
"""Of a tile."""

_WIDEST = 32
"""Elements of a read and of a beat."""


def block_budget(blocks: Iterable[int], others: Iterable[int], budget: int, least: int) -> int:
    """Return the multiplications per cycle of a ``mac_array`` beside other engines.

    Cycles are about products by multiplications per cycle; their sum is least if the budget is
    shared out as the roots of the products.

    Parameters
    ----------
    blocks, others
        Products of 4 bits of each layer on it, and multiplications of each layer elsewhere.
    budget, least
        Multiplications per cycle of all engines, and what the others need at least.
    """
    mine, rest = isqrt(sum(blocks)), isqrt(sum(others))
    part = budget * mine // (mine + rest) if rest else budget
    return max(BLOCK_PRODUCTS, min(part, budget - least))


def block_fold(works: Sequence[Work], budget: int) -> Fold:
    """Return the array of least cycles, then of fewest multipliers, with narrow beats and reads."""
    counts = Counter(works)
    tiles = budget // BLOCK_PRODUCTS
    sizes = {len(block.elements) for work in counts for block in work.blocks}
    widths = {-(-work.outputs * work.digits // _OUTPUTS) for work in counts}
    digits = max(work.digits for work in counts)
    beat = min(_WIDEST, *(lowest_set_bit(work.outputs) for work in counts))
    options = [
        Fold(
            rows,
            _TOKENS,
            _OUTPUTS * columns,
            min(beat, lowest_set_bit(_OUTPUTS * columns // digits)),
            reads=min(_WIDEST, 1 << (rows.bit_length() - 1)),
        )
        for rows in sorted({n for size in sizes for n in mac_sizes(size, tiles)})
        for columns in sorted({n for width in widths for n in mac_sizes(width, tiles // rows)})
    ]
    least = {
        fold: sum(n * least_cycles(work, fold) for work, n in counts.items()) for fold in options
    }
    best: tuple[float, int] = (inf, 0)
    chosen = options[0]
    for fold in sorted(options, key=lambda fold: (least[fold], fold.multipliers, fold.rows)):
        if least[fold] > best[0]:
            break  # nothing that follows can be better
        found = _total(counts, fold), fold.multipliers
        if found < best:
            best, chosen = found, fold
    limit = best[0] * (1 + WORTH)
    for key in ("lanes", "reads"):
        while getattr(chosen, key) > 1:
            narrower = replace(chosen, **{key: getattr(chosen, key) // 2})
            if _total(counts, narrower) > limit:
                break
            chosen = narrower
    return chosen


def _total(counts: Counter[Work], fold: Fold) -> int:
    return sum(count * block_cycles(work, fold) for work, count in counts.items())
