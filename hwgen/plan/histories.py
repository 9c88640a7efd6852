"""Rows that a sequential plan keeps from tensor to tensor: in front of the tensor in the buffer."""

from __future__ import annotations

from collections.abc import Sequence

from hwgen.ops.work import Work
from hwgen.plan.model import Plan, Task

__all__ = ["fronts", "histories", "read_address", "write_address"]


def histories(works: Sequence[tuple[Work, Sequence[str]]]) -> dict[str, tuple[int, int]]:
    """Return how many rows of each tensor are kept, and the elements of one.

    Parameters
    ----------
    works
        Works, and the tensors that they read; those beyond its ports have no rows.
    """
    found: dict[str, tuple[int, int]] = {}
    for work, reads in works:
        for name, port in zip(reads, work.ports, strict=False):
            if port.history:
                rows, _ = found.get(name, (0, 0))
                found[name] = max(rows, port.history), port.row
    return found


def fronts(tasks: Sequence[Task]) -> dict[str, int]:
    """Return the elements in front of each tensor that has any."""
    found = histories([(task.work, task.reads) for task in tasks])
    return {name: rows * row for name, (rows, row) in found.items()}


def read_address(plan: Plan, task: Task, port: int) -> int:
    """Return where what a task reads begins: in the history of its input, if it has one."""
    place = plan.placement(task.reads[port])
    if port >= len(task.work.ports):
        return place.address
    layout = task.work.ports[port]
    if task.keeps:
        return place.address + place.elements - layout.elements
    return place.address - layout.history * layout.row


def write_address(plan: Plan, task: Task) -> int:
    """Return where the first result of a task goes."""
    if task.keeps:
        return plan.placement(task.keeps).address - task.work.results
    return plan.placement(task.appends or task.node).address + task.write_offset
