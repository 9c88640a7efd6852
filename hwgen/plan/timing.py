"""Constants of the templates: the latencies that turn a plan into exact cycles, and a limit.

A contract test holds them against the templates; ``docs/architecture.md`` defines the events.
"""

from __future__ import annotations

from hwgen.ops.orthogonal import factors
from hwgen.ops.work import Work
from hwgen.plan.model import Fold

__all__ = [
    "APPEND",
    "CHOICE",
    "FETCH",
    "FIFO_LATENCY",
    "GATHER",
    "HADAMARD_LATENCY",
    "LENGTH_READ",
    "MAC_LATENCY",
    "MOST_ENGINES",
    "NORM_LATENCY",
    "NORM_WAIT",
    "PACK_LATENCY",
    "PACK_WAIT",
    "PHASE_OVERHEAD",
    "POLYNOMIAL_LATENCY",
    "ROW_PERIODS",
    "SOFTMAX_LATENCY",
    "SOFTMAX_WAITS",
    "STORE_LATENCY",
    "VECTOR_LATENCY",
    "latency",
    "tree_levels",
]

MAC_LATENCY = 7
"""Cycles from the last step of a group to its first beat at the FIFO's input, adder tree apart."""

POLYNOMIAL_LATENCY = 9
"""The same where samples and taps share multipliers: operands are packed, lanes taken apart."""

VECTOR_LATENCY = 5
"""The same for a ``vector`` engine."""

NORM_LATENCY = 67
"""Cycles from the last step of a row to its first beat, adder tree over the lanes apart."""

SOFTMAX_LATENCY = 38
"""The same for softmax, without a second pass over the row's beats and its two trees."""

HADAMARD_LATENCY = 5
"""The same for a Hadamard transform, its stages apart: see :func:`latency`."""

ROW_PERIODS = {"norm": 55, "softmax": 24, "hadamard": 1}
"""Least cycles between the starts of two rows, by kind: one root or one division at a time."""

NORM_WAIT = 59
"""Cycles from the end of a row to its second pass, adder tree apart."""

SOFTMAX_WAITS = (5, 29)
"""Cycles from the end of a pass over a row to the second pass, and to the third, tree apart."""

PACK_LATENCY = 8
"""Cycles from a row's last step to its first beat of 4-bit codes, tree of maxima apart."""

PACK_WAIT = 4
"""Cycles from the end of a row to its second pass, tree of maxima apart."""

APPEND = 4
"""Sequential: cycles of appending to external memory besides its beats and its latency."""

FETCH = 2
"""Cycles from an array's start to the first beat of external memory, besides its latency."""

GATHER = 1
"""Cycles more of either, if several beats become one."""

FIFO_LATENCY = 1
"""Cycles from a beat at the FIFO's input to the beat at its output."""

MOST_ENGINES = 124
"""Engines of an accelerator: so many have room for their counters in the register map."""

PHASE_OVERHEAD = 2
"""Sequential: cycles of every phase before its first step, read or transfer can take place."""

CHOICE = 3
"""Sequential: cycles before a tensor's first phase, if it can have several lengths.

The tensor before leaves, and the length is looked at.
"""

LENGTH_READ = 2
"""Sequential: cycles of padded attention before it starts, to read how many keys count."""

STORE_LATENCY = 2
"""Sequential: cycles from a STORE's last read, which ends its phase, to the last transfer."""


def tree_levels(leaves: int) -> int:
    """Return the register levels of an adder tree with 4 inputs per node: ``ceil(log4(leaves))``.

    Examples
    --------
    >>> [tree_levels(n) for n in (1, 2, 4, 5, 16, 17)]
    [0, 1, 1, 2, 2, 3]
    """
    levels = 0
    while 4**levels < leaves:
        levels += 1
    return levels


def latency(work: Work, fold: Fold) -> int:
    """Return the cycles from a group's last step to its first beat entering FIFO or buffer.

    Of every engine but an array, whose tiles overlap.
    """
    match work.kind:
        case "mac":
            stages = POLYNOMIAL_LATENCY if fold.samples > 1 else MAC_LATENCY
            return stages + tree_levels(fold.rows * fold.elements)
        case "norm":
            return NORM_LATENCY + tree_levels(fold.lanes)
        case "softmax":
            beats = work.channel.count // fold.lanes
            return SOFTMAX_LATENCY + beats + 2 * tree_levels(fold.lanes)
        case "hadamard":
            split = factors(work.channel.count)
            assert split is not None
            order, doublings = split
            inside = fold.lanes.bit_length() - 1
            return HADAMARD_LATENCY + 2 * (order > 1) + inside + 2 * (doublings - inside)
        case "pack":
            return PACK_LATENCY + tree_levels(fold.lanes)
        case _:
            return VECTOR_LATENCY
