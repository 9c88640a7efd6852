"""Linear layers whose operands have 4 and 8 bits by blocks, as C++ text."""

from __future__ import annotations

import numpy as np

from hwgen.emit.hls.constants import Table
from hwgen.emit.hls.scaling import scaling
from hwgen.emit.hls.types import ap
from hwgen.emit.rtl.block_layers import block_layer
from hwgen.ops.arithmetic import Int
from hwgen.ops.blocks import Blocks
from hwgen.plan.block_cycles import inner_tiles
from hwgen.plan.model import Multiplier, Plan, Task
from hwgen.plan.multipliers import digits
from hwgen.quant.model import QGraph, QNode
from rtl_templates.mac_array.geometry import FORM, Layer
from rtl_templates.packing.lanes import Range

__all__ = ["BLOCK_WEIGHT", "SharedBlocks", "block_acc_bits", "most_steps", "most_tiles"]


BLOCK_WEIGHT = ap(Range(FORM.w.low - 1, FORM.w.high).bits, signed=True)
"""Type of a weight of 4 bits, or a digit of one of 8, less a borrow."""

_PAIRS = Multiplier("packed", FORM.counts[1], FORM.strides[1])
"""Two outputs in a multiplier."""


def most_tiles(tasks: list[Task], rows: int) -> int:
    """Return the most tiles of a token."""
    return max(sum(1 for _ in inner_tiles(task.work, rows)) for task in tasks)


def most_steps(tasks: list[Task], rows: int) -> int:
    """Return the most steps of two tokens: operands of 8 bits are taken token by token."""
    return max(sum(1 + wide for _, wide in inner_tiles(task.work, rows)) for task in tasks)


def block_acc_bits(qgraph: QGraph, tasks: list[Task]) -> int:
    """Return the width that holds every sum, of digits of unsigned operands as well."""
    return max(int(_layer(qgraph, task).acc_bits) for task in tasks)


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
            (f"{work.digits},", "digits of a weight"),
            (f"{plan.placement(source).address}, {signed},", "input: address, signedness"),
            (f"{destination},", "output"),
            (f"{most_tiles([task], rows)}, {tile},", "tiles, first row of places and kinds"),
            (f"{most_steps([task], rows)},", "steps"),
            (f"{word}, {result},", "first rows of weights, of biases"),
            (f"{scaling(node)}", "scaling"),
        )

    def texts(self, acc: str) -> tuple[Table, ...]:
        """Return the tables, whose biases have this type."""
        codes = {
            "weight": BLOCK_WEIGHT,
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
    layer = _layer(qgraph, task)
    rows_of_weights = [row for o in range(layer.outputs) for row in layer.weight_digits(o)]
    weights = digits(_paired(np.array(rows_of_weights, np.int64)), 1, _PAIRS)
    tiles = [elements for elements, _ in inner_tiles(task.work, rows)]
    place = np.zeros((len(tiles), rows), np.int64)
    weight = np.zeros((len(weights), len(tiles), 2, rows), np.int64)
    for k, elements in enumerate(tiles):
        place[k, : len(elements)] = elements
        weight[:, k, :, : len(elements)] = weights[:, :, list(elements)]
    each = -(-blocks.size // rows)
    kind = [
        (bits, shift, shift - blocks.unit)
        for bits, shift in zip(blocks.bits, blocks.shifts, strict=True)
        for _ in range(each)
    ]
    bias = np.array([value + layer.offset(o) for o, value in enumerate(layer.biases)], np.int64)
    return {
        "weight": weight.reshape(-1, 2 * rows),
        "place": place,
        "kind": np.array(kind, np.int64),
        "bias": _by_pair(bias, layer.digits),
        "multiplier": _by_pair(np.array(layer.multipliers, np.int64), layer.digits),
    }


def _by_pair(values: Int, digits: int) -> Int:
    """Return what belongs to outputs by pair of digits of their weights, beside the least one."""
    places = np.zeros((len(values), digits), np.int64)
    places[:, 0] = values
    return _paired(places.reshape(-1))


def _paired(values: Int) -> Int:
    """Return values two by two, zero behind the last one."""
    odd = len(values) % 2
    full = np.pad(values, ((0, odd), *((0, 0),) * (values.ndim - 1)))
    return full.reshape(-1, 2, *values.shape[1:])


def _layer(qgraph: QGraph, task: Task) -> Layer:
    node = qgraph.node(task.node)
    tensors = [qgraph.tensor(name) for name in node.inputs]
    return block_layer(task.work, node, [item.shape for item in tensors], tensors[0].type)
