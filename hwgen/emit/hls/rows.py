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

_KINDS = {"norm": _TABLES, "softmax": (), "hadamard": (("sign", ap(2, True)),)}
"""Tables by kind of work, each with a row per beat."""

_NOTES = {"norm": "first row of gains and addends", "hadamard": "first row of signs"}


def row_record(node: QNode, kind: str) -> tuple[str, str]:
    """Return the kind and the initialiser of ``hwgen::<kind>_constants``."""
    attrs, requant = node.lowered.attrs, node.lowered.requant
    if kind == "norm":
        centered = "true" if attrs["centered"] else "false"
        return kind, f"{{{attrs['features']}, {attrs['zero']}, {centered}, {attrs['epsilon']}}}"
    assert requant is not None
    if kind == "hadamard":
        return kind, f"{{{attrs['features']}, {attrs['zero']}, {int(requant.multiplier[0])}}}"
    numbers = (attrs["zero"], attrs["log_multiplier"], attrs["log_shift"])
    return kind, f"{{{', '.join(map(str, numbers))}, {int(requant.multiplier[0])}}}"


def row_tables(node: QNode, kind: str, lanes: int) -> tuple[Table, ...]:
    """Return the tables of a node."""
    tables = []
    for name, code in _KINDS[kind]:
        tables.append(Table(code, f"{node.name}_{name}", _constants(node, name, lanes)))
    return tuple(tables)


def _constants(node: QNode, name: str, lanes: int) -> Int:
    """Return the rows of a table: one per beat."""
    rows: Int = np.asarray(node.lowered.constants[name]).reshape(-1, lanes)
    return rows


class SharedRows:
    """The tasks of a sequential plan's ``row`` engine, whose tables lie one after the other."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Int]] = {}
        self._first: dict[str, int] = {}

    def lines(
        self, plan: Plan, qgraph: QGraph, task: Task, destination: str
    ) -> tuple[tuple[str, str], ...]:
        """Return the initialiser of a task, line by line; its tables join the others."""
        node, kind = qgraph.node(task.node), task.work.kind
        (source,) = task.reads
        signed = "true" if qgraph.tensor(source).type.signed else "false"
        word = self._place(node, kind, task.name, plan.engine(task.engine).fold.lanes)
        return (
            (f"{work_text(task.work)},", "loops"),
            (f"{plan.placement(source).address}, {signed},", "input: address, signedness"),
            (f"{destination},", "output"),
            (f"{row_record(node, kind)[1]},", "constants of the rows"),
            *([(f"{word},", _NOTES[kind])] if kind in _NOTES else []),
            (f"{scaling(node)}", "scaling"),
        )

    def _place(self, node: QNode, kind: str, task: str, lanes: int) -> int:
        """Return the first row of a task's tables, which are appended once for all lengths."""
        if task not in self._first:
            self._first[task] = 0
            for name, _ in _KINDS[kind]:
                parts = self._parts.setdefault(f"{kind}_{name}", [])
                self._first[task] = sum(map(len, parts))
                parts.append(_constants(node, name, lanes))
        return self._first[task]

    def texts(self) -> tuple[Table, ...]:
        """Return the tables, if a task has any."""
        return tuple(
            Table(code, f"{kind}_{name}", np.concatenate(self._parts[f"{kind}_{name}"]))
            for kind, tables in _KINDS.items()
            for name, code in tables
            if f"{kind}_{name}" in self._parts
        )
