"""The constants of ops on rows as C++ text."""

from __future__ import annotations

import numpy as np

from hwgen.emit.hls.constants import Table
from hwgen.emit.hls.scaling import scaling
from hwgen.emit.hls.types import ap
from hwgen.emit.hls.works import work_text
from hwgen.ops.arithmetic import Int
from hwgen.plan.model import Plan, Task
from hwgen.quant.model import QGraph, QNode

__all__ = ["SharedRows", "row_record", "row_tables"]

_TABLES = (("gain", ap(17, True)), ("addend", ap(48, True)))
"""Names and types of a normalisation's tables: ``gain_type`` and ``addend_type``."""


def row_record(node: QNode, kind: str) -> tuple[str, str]:
    """Return the kind and the initialiser of ``hwgen::norm_constants`` or ``softmax_constants``."""
    attrs, requant = node.lowered.attrs, node.lowered.requant
    if kind == "norm":
        centered = "true" if attrs["centered"] else "false"
        return kind, f"{{{attrs['features']}, {attrs['zero']}, {centered}, {attrs['epsilon']}}}"
    assert requant is not None
    numbers = (attrs["zero"], attrs["log_multiplier"], attrs["log_shift"])
    return kind, f"{{{', '.join(map(str, numbers))}, {int(requant.multiplier[0])}}}"


def row_tables(node: QNode, kind: str, lanes: int) -> tuple[Table, ...]:
    """Return the tables of a node."""
    if kind != "norm":
        return ()
    tables = []
    for name, code in _TABLES:
        tables.append(Table(code, f"{node.name}_{name}", _constants(node, name, lanes)))
    return tuple(tables)


def _constants(node: QNode, name: str, lanes: int) -> Int:
    """Return the rows of a table of ``norm`` work: one per beat."""
    rows: Int = np.asarray(node.lowered.constants[name]).reshape(-1, lanes)
    return rows


class SharedRows:
    """The tasks of a sequential plan's ``row`` engine, whose tables lie one after the other."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Int]] = {name: [] for name, _ in _TABLES}
        self._first: dict[str, int] = {}

    def lines(
        self, plan: Plan, qgraph: QGraph, task: Task, destination: str
    ) -> tuple[tuple[str, str], ...]:
        """Return the initialiser of a task, line by line; its tables join the others."""
        node, kind = qgraph.node(task.node), task.work.kind
        (source,) = task.reads
        signed = "true" if qgraph.tensor(source).type.signed else "false"
        word = self._first.get(task.name, sum(len(part) for part in self._parts["gain"]))
        if kind == "norm" and task.name not in self._first:
            self._first[task.name] = word
            for name, parts in self._parts.items():
                parts.append(_constants(node, name, plan.engine(task.engine).fold.lanes))
        return (
            (f"{work_text(task.work)},", "loops"),
            (f"{plan.placement(source).address}, {signed},", "input: address, signedness"),
            (f"{destination},", "output"),
            (f"{row_record(node, kind)[1]},", "constants of the rows"),
            *([(f"{word},", "first row of gains and addends")] if kind == "norm" else []),
            (f"{scaling(node)}", "scaling"),
        )

    def texts(self) -> tuple[Table, ...]:
        """Return the tables, if a task has any."""
        return tuple(
            Table(code, f"norm_{name}", np.concatenate(self._parts[name]))
            for name, code in _TABLES
            if self._parts[name]
        )
