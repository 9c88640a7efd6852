"""Tasks on single elements and pairs in a sequential plan, as C++ constants."""

from __future__ import annotations

import numpy as np

from hwgen.emit.hls.constants import Table
from hwgen.emit.hls.points import product_bits, turning_text
from hwgen.emit.hls.scaling import factor, scaling
from hwgen.emit.hls.types import ap
from hwgen.ops.arithmetic import Int, bits_for
from hwgen.plan.model import Plan, Task
from hwgen.quant.model import QGraph, QNode

__all__ = ["POINTS", "SharedTables", "point_acc_bits", "point_lines"]

POINTS = ("table", "mul", "rope", "gather")
"""Kinds of work that have a function of their own."""

_NAMES = {
    "table": ("table_codes",),
    "mul": (),
    "rope": ("rope_steps", "rope_sine"),
    "gather": ("gather_rows", "gather_positions"),
    "pack": ("pack_means",),
}

Lines = tuple[tuple[str, str], ...]


class SharedTables:
    """Tables of one row each, which hold those of all tasks one after the other."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Int]] = {}
        self._first: dict[tuple[str, str], int] = {}

    def place(self, name: str, task: str, values: Int) -> int:
        """Append a task's values to a table, once for all lengths; return where they begin."""
        if (name, task) not in self._first:
            parts = self._parts.setdefault(name, [])
            self._first[name, task] = sum(part.size for part in parts)
            parts.append(values.ravel())
        return self._first[name, task]

    def share(self, name: str, values: Int) -> None:
        """Make a table that all tasks have in common."""
        self._parts[name] = [values.ravel()]

    def texts(self, kinds: tuple[str, ...]) -> tuple[Table, ...]:
        """Return the tables of the kinds of work there are, each as narrow as its values."""
        tables = []
        for name in (name for kind in kinds for name in _NAMES.get(kind, ())):
            values = np.concatenate(self._parts.get(name, [np.zeros(1, dtype=np.int64)]))
            low, high = int(values.min()), int(values.max())
            bits = bits_for(low, high)
            code = ap(bits, True) if low < 0 else ap(max(1, bits - 1), False)
            if name.startswith("rope"):
                code = ap(32 if name == "rope_steps" else 16, False)
            tables.append(Table(code, name, values[None]))
        return tuple(tables)


def point_acc_bits(qgraph: QGraph, kind: str, nodes: list[QNode]) -> int:
    """Return the width of a signed accumulator for all the nodes."""
    if kind == "mul":
        return max(product_bits(qgraph, node) for node in nodes)
    return max(1, *(node.acc_bits for node in nodes))


def point_lines(plan: Plan, qgraph: QGraph, task: Task, index: int, tables: SharedTables) -> Lines:
    """Return the initialiser of a task, line by line; its tables join ``tables``.

    Parameters
    ----------
    index
        Of the task among those of its kind and of one length.
    """
    node = qgraph.node(task.node)
    attrs, constants = node.lowered.attrs, node.lowered.constants
    reads = [plan.placement(name).address for name in task.reads]
    signs = ["true" if qgraph.tensor(name).type.signed else "false" for name in task.reads]
    write = plan.placement(task.node).address + task.write_offset
    match task.work.kind:
        case "table":
            first = tables.place("table_codes", task.name, constants["table"]) - attrs["low"]
            return (
                (f"{task.work.results}, {reads[0]}, {signs[0]}, {write},", _WHERE),
                (f"{first}", "where the result of code 0 is in the table"),
            )
        case "mul":
            return (
                (f"{task.work.results}, {_pair(reads)}, {_pair(signs)}, {write},", _WHERE),
                (f"{_pair(attrs['zeros'])},", "zero points"),
                (f"{factor(node, 0).multiplier}, {scaling(node)}", "scaling"),
            )
        case "rope":
            steps = tables.place("rope_steps", task.name, np.array(attrs["steps"], dtype=np.int64))
            tables.share("rope_sine", constants["sine"])
            return (
                (f"{turning_text(node)},", "tokens, heads, pairs; positions; zero point"),
                (f"{index}, {steps},", "layer; first step of a phase"),
                (f"{reads[0]}, {signs[0]}, {write},", "input: address, signedness; output"),
                (f"{scaling(node)}", "scaling"),
            )
    rows = tables.place("gather_rows", task.name, constants["table"])
    moved = "position" in constants
    position = tables.place("gather_positions", task.name, constants["position"]) if moved else -1
    ids, features = constants["table"].shape
    return (
        (f"{ids}, {features}, {task.work.row.count},", "ids, features, tokens"),
        (f"{rows}, {position},", "first words of rows, of positions"),
        (f"{reads[0]}, {write},", "addresses"),
        (f"{scaling(node)}", "limits"),
    )


_WHERE = "elements; input: address, signedness; output"


def _pair(values: list[int] | list[str] | tuple[int, ...]) -> str:
    return "{" + ", ".join(map(str, values)) + "}"
