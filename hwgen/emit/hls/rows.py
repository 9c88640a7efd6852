"""The constants of ops on rows as C++ text."""

from __future__ import annotations

import numpy as np

from hwgen.emit.hls.constants import Table
from hwgen.emit.hls.types import ap
from hwgen.ops.arithmetic import Int
from hwgen.quant.model import QNode

__all__ = ["TABLES", "row_constants", "row_record", "row_tables"]

TABLES = (("gain", ap(17, True)), ("addend", ap(48, True)))
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


def row_constants(node: QNode, name: str, lanes: int) -> Int:
    """Return the rows of a table of ``norm`` work: one per beat."""
    rows: Int = np.asarray(node.lowered.constants[name]).reshape(-1, lanes)
    return rows


def row_tables(node: QNode, kind: str, lanes: int) -> tuple[Table, ...]:
    """Return the tables of a node."""
    if kind != "norm":
        return ()
    tables = []
    for name, code in TABLES:
        tables.append(Table(code, f"{node.name}_{name}", row_constants(node, name, lanes)))
    return tuple(tables)
