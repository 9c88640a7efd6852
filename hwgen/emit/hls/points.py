"""What the C++ of ops on single elements and pairs needs: tables, zero points, rotations."""

from __future__ import annotations

import numpy as np

from hwgen.emit.hls.constants import Table
from hwgen.emit.hls.types import ap, code_type
from hwgen.ops.arithmetic import Int
from hwgen.quant.model import QGraph, QNode

__all__ = ["point_tables", "product_bits", "turning_text"]


def point_tables(node: QNode) -> tuple[Table, ...]:
    """Return the tables of a table op, a rotation or an embedding."""
    constants = node.lowered.constants
    match node.op:
        case "rope":
            return (
                _table(node, "steps", ap(32, False), _row(node.lowered.attrs["steps"])),
                _table(node, "sine", ap(16, False), constants["sine"][None]),
            )
        case "embedding":
            code = code_type(node.out.type)
            tables = [_table(node, "table", code, constants["table"])]
            if "position" in constants:
                moves = ap(node.out.type.bits + 1, True)
                tables.append(_table(node, "position", moves, constants["position"]))
            return tuple(tables)
        case _ if "table" in constants:
            return (_table(node, "table", code_type(node.out.type), constants["table"][None]),)
    return ()


def product_bits(qgraph: QGraph, node: QNode) -> int:
    """Return the bits of a signed product of two codes less their zero points."""
    return sum(qgraph.tensor(name).type.bits + 1 for name in node.inputs)


def turning_text(node: QNode) -> str:
    """Return the initialiser of a ``hwgen::turning``."""
    attrs = node.lowered.attrs
    tokens = 1 if len(node.out.shape) == 1 else node.out.shape[0]
    fields = (
        tokens,
        attrs["heads"],
        len(attrs["steps"]),
        attrs["start"],
        attrs["limit"],
        "true" if attrs["running"] else "false",
        "true" if attrs["style"] == "interleaved" else "false",
        attrs["zero"],
    )
    return f"{{{', '.join(map(str, fields))}}}"


def _table(node: QNode, name: str, code: str, rows: Int) -> Table:
    return Table(code, f"{node.name}_{name}", rows)


def _row(values: tuple[int, ...]) -> Int:
    return np.array([values], dtype=np.int64)
