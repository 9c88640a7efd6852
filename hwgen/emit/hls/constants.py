"""Weights, biases and multipliers in the order in which an engine reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.registry import get_op
from hwgen.ops.work import Loop, Work
from hwgen.plan.diagonal import flattened, side_by_side
from hwgen.plan.model import PLAIN, Fold, Multiplier
from hwgen.plan.multipliers import digits
from hwgen.quant.model import QGraph, QNode

__all__ = ["MacConstants", "Table", "mac_constants", "reduce_loops"]

_WIDTH = 100
_MOST_WRITTEN = 1 << 18
"""Elements of a table that are written as text: compilers take long to read more."""
_STILL = Loop(1)


class Table(NamedTuple):
    """A two-dimensional array of constants.

    Parameters
    ----------
    code
        C++ type of an element, from :func:`hwgen.emit.hls.types.ap`.
    name
        Of the array.
    values
        (rows, columns).
    """

    code: str
    name: str
    values: Int

    @property
    def rows(self) -> int:
        """Rows of the array."""
        return int(self.values.shape[0])

    @property
    def columns(self) -> int:
        """Elements of a row."""
        return int(self.values.shape[1])

    @property
    def filed(self) -> bool:
        """Whether it is so large that it has a file of its own, ``<name>.rom``."""
        return self.values.size > _MOST_WRITTEN

    @property
    def text(self) -> str:
        """The initialiser, one row after the other."""
        lines: list[str] = []
        for row in self.values.tolist():
            lines += _wrapped(row)
        return "{\n" + "\n".join(lines) + "\n}"

    @property
    def data(self) -> bytes:
        """Contents of the file: the rows in the native integers of ``hwgen::rom``."""
        size, unsigned = self._native
        return self.values.astype(f"<{'u' if unsigned else 'i'}{size}").tobytes()

    @property
    def format(self) -> str:
        """An element of the file as Tcl's ``binary scan`` calls it, little-endian."""
        size, unsigned = self._native
        return {1: "c", 2: "s", 4: "i", 8: "w"}[size] + ("u" if unsigned else "")

    @property
    def _native(self) -> tuple[int, bool]:
        bits = int(self.code[self.code.index("<") + 1 : -1])
        return next(size for size in (1, 2, 4, 8) if bits <= 8 * size), "uint" in self.code


@dataclass(frozen=True, eq=False)
class MacConstants:
    """The tables of one task of a ``mac`` engine.

    Parameters
    ----------
    weights
        (groups * steps, outputs * rows * elements), zero where the fold is larger than the work;
        digits of packed weights.
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


def mac_constants(
    qgraph: QGraph, node: QNode, work: Work, fold: Fold, multiplier: Multiplier = PLAIN
) -> MacConstants:
    """Return the tables of a node in the order of an engine's walk.

    Groups are convolution groups (``fold.groups`` at once) times blocks of ``fold.outputs``
    results; the steps of a group take kernel rows (``fold.rows`` at once), kernel columns, then
    ``fold.elements`` elements.
    """
    lowered = node.lowered
    assert lowered.requant is not None
    assert not np.any(lowered.requant.offset), "the bias of a mac holds the offset"
    shapes = [qgraph.tensor(name).shape for name in node.inputs]
    weight = get_op(node.op).stream_weights(lowered, shapes)
    factor = np.broadcast_to(lowered.requant.multiplier, lowered.constants["bias"].shape)
    if work.own_columns:
        parts = zip(
            np.split(weight, work.sets),
            np.split(lowered.constants["bias"], work.sets),
            np.split(factor, work.sets),
            strict=True,
        )
        one = replace(work, own_columns=False)
        found = [_constants(*part, one, fold, multiplier) for part in parts]
        return MacConstants(
            weights=np.concatenate([part.weights for part in found]),
            biases=np.concatenate([part.biases for part in found]),
            multipliers=np.concatenate([part.multipliers for part in found]),
        )
    return _constants(weight, lowered.constants["bias"], factor, work, fold, multiplier)


def _constants(
    weight: Int, bias: Int, factor: Int, work: Work, fold: Fold, multiplier: Multiplier
) -> MacConstants:
    """Return the tables of one set of weights."""
    weight, work = flattened(*side_by_side(weight, work, fold), fold)
    outer, inner = reduce_loops(work)
    channels, blocks = work.channel.count, ceil(work.outputs / fold.outputs)
    weight = weight.reshape(channels, work.outputs, outer.count, inner.count, work.elements)
    multiples = ((0, fold.groups), (1, fold.outputs), (2, fold.rows), (4, fold.elements))
    for axis, multiple in multiples:
        weight = _padded(weight, axis, multiple)
    rows, words = weight.shape[2] // fold.rows, weight.shape[4] // fold.elements
    weight = weight.reshape(
        *(-1, fold.groups, blocks, fold.outputs),
        *(rows, fold.rows, inner.count, words, fold.elements),
    )
    weight = digits(weight.transpose(0, 2, 4, 6, 7, 1, 3, 5, 8), 6, multiplier)
    return MacConstants(
        weights=weight.reshape(-1, fold.multipliers),
        biases=_grouped(bias, work, fold),
        multipliers=_grouped(factor, work, fold),
    )


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
    table = _padded(values, 0, work.channel.count * work.outputs)
    table = table.reshape(work.channel.count, work.outputs)
    table = _padded(_padded(table, 0, fold.groups), 1, fold.outputs)
    return table.reshape(-1, fold.groups * fold.outputs)
