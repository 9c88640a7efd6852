"""Cycles of a linear layer whose operands have 4 and 8 bits by blocks, on a ``mac_array``.

The recurrence that the array's control follows, pass by pass: a pass is an inner tile (rows of a
block) by a tile of outputs for all tokens.  The template is ``rtl_templates/mac_array``; a contract
test holds the constants.  A fold has ``rows`` x ``outputs`` / 2 tiles of two tokens (``elements``)
by two outputs, where a layer whose weights have two digits has two outputs per output.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from hwgen.ops.work import Work
from hwgen.plan.model import Fold
from rtl_templates.mac_array.reads import tile_reads

__all__ = [
    "BLOCK_DRAIN",
    "BLOCK_SINK",
    "BLOCK_TURN",
    "BLOCK_WRITE",
    "block_cycles",
    "inner_tiles",
    "least_cycles",
    "outer_tiles",
    "pass_cycles",
]

BLOCK_WRITE = 3
"""Cycles from the read of a code until its operand is written."""

BLOCK_TURN = 4
"""Cycles from the read of a sum until it can be read again, changed."""

BLOCK_SINK = 9
"""Cycles from a step until its results can be read, without those of rows and columns."""

BLOCK_DRAIN = 7
"""Cycles from the read of a result until its beat is written."""


def inner_tiles(work: Work, rows: int) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Yield the elements of each inner tile, and whether its operands have 8 bits."""
    for block in work.blocks:
        for start in range(0, len(block.elements), rows):
            yield block.elements[start : start + rows], block.bits == 8


def outer_tiles(work: Work, outputs: int) -> list[int]:
    """Return the outputs of each tile of outputs, on an array of ``outputs`` digits."""
    width = outputs // work.digits
    return [min(width, work.outputs - start) for start in range(0, work.outputs, width)]


def pass_cycles(work: Work, fold: Fold, wide: bool) -> tuple[int, int]:
    """Return the steps of a pass, and its cycles: at least those in which weights come in."""
    tokens = work.row.count
    pairs = -(-tokens // 2)
    steps = tokens if wide else pairs
    return steps, max(steps, fold.outputs // 2, BLOCK_TURN + steps - pairs)


def least_cycles(work: Work, fold: Fold) -> int:
    """Return the cycles of all passes, or of all beats: fewer are not possible."""
    each = sum(pass_cycles(work, fold, wide)[1] for _, wide in inner_tiles(work, fold.rows))
    beats = work.row.count * (work.outputs // fold.lanes)
    return max(each * len(outer_tiles(work, fold.outputs)), beats)


@lru_cache(maxsize=4096)
def block_cycles(work: Work, fold: Fold) -> int:
    """Return the cycles of a task, from its start to its last beat."""
    columns = fold.outputs // 2
    sizes = {wide: pass_cycles(work, fold, wide) for wide in (False, True)}
    tiles = list(inner_tiles(work, fold.rows))
    filled, there = 0, []  # the first read is in cycle 1
    for elements, _ in tiles:
        filled += work.row.count * len(tile_reads(elements, fold.reads))
        there.append(filled + BLOCK_WRITE + 1)
    sink = BLOCK_SINK + fold.rows + columns
    free, ends = columns + 1, [0, 0]  # of the last two banks of results
    for number, outputs in enumerate(outer_tiles(work, fold.outputs)):
        for k, (_, wide) in enumerate(tiles):
            steps, length = sizes[wide]
            if number == 0:
                free = max(free, there[k])
            if k == len(tiles) - 1 and number >= 2:
                free = max(free, ends[-2] + 1)
            last = free + steps - 1
            free += length
        start = max(last + sink, ends[-1] + 1)
        ends.append(start + work.row.count * (outputs // fold.lanes) - 1)
    return ends[-1] + BLOCK_DRAIN
