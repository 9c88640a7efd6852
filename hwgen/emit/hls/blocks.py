"""Linear layers whose operands have 4 and 8 bits by blocks, as C++ text."""

from __future__ import annotations

import numpy as np

from hwgen.emit.hls.constants import Table
from hwgen.emit.hls.scaling import scaling
from hwgen.emit.hls.types import ap
from hwgen.ops.arithmetic import Int
from hwgen.ops.blocks import Blocks
from hwgen.ops.registry import get_op
from hwgen.plan.block_cycles import inner_tiles
from hwgen.plan.model import Plan, Task
from hwgen.quant.model import QGraph, QNode

__all__ = ["SharedBlocks", "most_tiles"]


def most_tiles(tasks: list[Task], rows: int) -> int:
    """Return the most tiles of a token."""
    return max(sum(1 for _ in inner_tiles(task.work, rows)) for task in tasks)


class SharedBlocks:
    """The tasks of a ``mac_array``, whose tables lie one after the other."""

    def __init__(self) -> None:
        names = ("weight", "place", "kind", "bias", "multiplier")
        self._parts: dict[str, list[Int]] = {name: [] for name in names}
        self._first: dict[str, tuple[int, int, int]] = {}

    def lines(
        self, plan: Plan, qgraph: QGraph, task: Task, destination: str
    ) -> tuple[tuple[str, str], ...]:
        """Return the initialiser of a ``hwgen::block_task``, line by line.

        Its tables join the others, once for all lengths.
        """
        node, work = qgraph.node(task.node), task.work
        (source,) = task.reads
        rows = plan.engine(task.engine).fold.rows
        if task.name not in self._first:
            self._first[task.name] = (
                self._rows("weight"),
                self._rows("place"),
                self._rows("bias"),
            )
            for name, table in _tables(qgraph, node, task, rows).items():
                self._parts[name].append(table)
        word, tile, result = self._first[task.name]
        signed = "true" if qgraph.tensor(source).type.signed else "false"
        return (
            (f"{work.row.count}, {work.elements}, {work.outputs},", "tokens, elements, outputs"),
            (f"{plan.placement(source).address}, {signed},", "input: address, signedness"),
            (f"{destination},", "output"),
            (f"{most_tiles([task], rows)}, {tile},", "tiles, first row of places and kinds"),
            (f"{word}, {result},", "first rows of weights, of biases"),
            (f"{scaling(node)}", "scaling"),
        )

    def texts(self, weight: str, acc: str) -> tuple[Table, ...]:
        """Return the tables, whose weights and biases have these types."""
        codes = {
            "weight": weight,
            "place": ap(31, False),
            "kind": ap(8, False),
            "bias": acc,
            "multiplier": ap(16, False),
        }
        return tuple(
            Table(codes[name], f"blocks_{name}", np.concatenate(parts))
            for name, parts in self._parts.items()
        )

    def _rows(self, name: str) -> int:
        return sum(len(part) for part in self._parts[name])


def _tables(qgraph: QGraph, node: QNode, task: Task, rows: int) -> dict[str, Int]:
    """Return the tables of a task: see ``hls/include/hwgen/block_linear.hpp``."""
    lowered = node.lowered
    blocks, requant = Blocks.of(lowered.attrs, lowered.constants), lowered.requant
    assert blocks is not None
    assert requant is not None
    assert not np.any(requant.offset), "the bias of a linear layer holds the offset"
    shapes = [qgraph.tensor(name).shape for name in node.inputs]
    weights = get_op(node.op).stream_weights(lowered, shapes)[:, 0]
    tiles = [elements for elements, _ in inner_tiles(task.work, rows)]
    place = np.zeros((len(tiles), rows), np.int64)
    weight = np.zeros((len(weights), len(tiles), rows), np.int64)
    for k, elements in enumerate(tiles):
        place[k, : len(elements)] = elements
        weight[:, k, : len(elements)] = weights[:, list(elements)]
    each = -(-blocks.size // rows)
    kind = [
        (bits, shift, shift - blocks.unit)
        for bits, shift in zip(blocks.bits, blocks.shifts, strict=True)
        for _ in range(each)
    ]
    bias = lowered.constants["bias"]
    return {
        "weight": weight.reshape(-1, rows),
        "place": place,
        "kind": np.array(kind, np.int64),
        "bias": bias.reshape(-1, 1),
        "multiplier": np.broadcast_to(requant.multiplier, bias.shape).reshape(-1, 1),
    }
