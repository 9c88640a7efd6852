"""Weights, biases and multipliers in the order in which an engine reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.registry import get_op
from hwgen.ops.work import Loop, Work
from hwgen.plan.model import Fold
from hwgen.quant.model import QGraph, QNode

__all__ = ["MacConstants", "array_text", "mac_constants", "reduce_loops"]

_WIDTH = 100
_STILL = Loop(1)


@dataclass(frozen=True, eq=False)
class MacConstants:
    """The tables of one task of a ``mac`` engine.

    Parameters
    ----------
    weights
        (groups * steps, outputs * rows * elements), zero where the fold is larger than the work.
    biases, multipliers
        (groups, outputs), zero past the last output.
    """

    weights: Int
    biases: Int
    multipliers: Int


def reduce_loops(work: Work) -> tuple[Loop, Loop]:
    """Return the outer and the inner reduce loop; one that the work lacks does not move."""
    outer, inner = (*work.reduce, _STILL, _STILL)[:2]
    assert len(work.reduce) <= 2, "engines have two reduce loops"
    return outer, inner


def mac_constants(qgraph: QGraph, node: QNode, work: Work, fold: Fold) -> MacConstants:
    """Return the tables of a node in the order of an engine's walk.

    Groups are convolution groups times blocks of ``fold.outputs`` results; the steps of a group
    take kernel rows (``fold.rows`` at once), kernel columns, then ``fold.elements`` elements.
    """
    lowered = node.lowered
    assert lowered.requant is not None
    assert not np.any(lowered.requant.offset), "the bias of a mac holds the offset"
    outer, inner = reduce_loops(work)
    channels, blocks = work.channel.count, ceil(work.outputs / fold.outputs)
    shapes = [qgraph.tensor(name).shape for name in node.inputs]
    weight = get_op(node.op).stream_weights(lowered, shapes)
    weight = weight.reshape(channels, work.outputs, outer.count, inner.count, work.elements)
    for axis, multiple in ((1, fold.outputs), (2, fold.rows), (4, fold.elements)):
        weight = _padded(weight, axis, multiple)
    rows, words = weight.shape[2] // fold.rows, weight.shape[4] // fold.elements
    weight = weight.reshape(
        channels, blocks, fold.outputs, rows, fold.rows, inner.count, words, fold.elements
    )
    weight = weight.transpose(0, 1, 3, 5, 6, 2, 4, 7)
    multiplier = np.broadcast_to(lowered.requant.multiplier, (channels * work.outputs,))
    return MacConstants(
        weights=weight.reshape(-1, fold.multipliers),
        biases=_grouped(lowered.constants["bias"], work, fold),
        multipliers=_grouped(multiplier, work, fold),
    )


def array_text(rows: Int) -> str:
    """Return a C++ initialiser of a two-dimensional array, one row after the other."""
    lines: list[str] = []
    for row in rows.tolist():
        lines += _wrapped(row)
    return "{\n" + "\n".join(lines) + "\n}"


def _wrapped(row: Sequence[int]) -> list[str]:
    lines, line = [], "    {"
    for i, value in enumerate(row):
        word = f"{value}" + ("," if i + 1 < len(row) else "},")
        if len(line) + len(word) + 1 > _WIDTH:
            lines.append(line.rstrip())
            line = "     "
        line += word + ("" if word.endswith("},") else " ")
    return [*lines, line]


def _padded(array: Int, axis: int, multiple: int) -> Int:
    missing = -array.shape[axis] % multiple
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, missing)
    return np.pad(array, widths)


def _grouped(values: Int, work: Work, fold: Fold) -> Int:
    """Return one row per group of per-channel values."""
    table = values.reshape(work.channel.count, work.outputs)
    return _padded(table, 1, fold.outputs).reshape(-1, fold.outputs)
