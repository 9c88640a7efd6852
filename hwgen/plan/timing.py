"""Constants of the templates: the latencies that turn a plan into exact cycles, and a limit.

A contract test holds them against the templates; ``docs/architecture.md`` defines the events.
"""

from __future__ import annotations

from hwgen.plan.model import Fold

__all__ = [
    "FIFO_LATENCY",
    "MAC_LATENCY",
    "MOST_ENGINES",
    "PHASE_OVERHEAD",
    "STORE_LATENCY",
    "VECTOR_LATENCY",
    "latency",
    "tree_levels",
]

MAC_LATENCY = 7
"""Cycles from the last step of a group to its first beat at the FIFO's input, adder tree apart."""

VECTOR_LATENCY = 5
"""The same for a ``vector`` engine."""

FIFO_LATENCY = 1
"""Cycles from a beat at the FIFO's input to the beat at its output."""

MOST_ENGINES = 124
"""Engines of an accelerator: so many have room for their counters in the register map."""

PHASE_OVERHEAD = 2
"""Sequential: cycles of every phase before its first step, read or transfer can take place."""

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


def latency(template: str, fold: Fold) -> int:
    """Return the cycles from a group's last step to its first beat entering FIFO or buffer."""
    if template == "mac":
        return MAC_LATENCY + tree_levels(fold.rows * fold.elements)
    return VECTOR_LATENCY
