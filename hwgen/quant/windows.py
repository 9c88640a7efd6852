"""Folding all rows of a window that moves on hop by hop: in parts, of which the last ones are kept.

A part is the largest number of rows that both a window and a hop are a multiple of; so a window of
``L`` rows keeps one part per hop, ``L / hop`` in all, where the hop divides it.  What is left of a
part is exact, so the result is that of all rows at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

from hwgen.graph.streaming import Pace
from hwgen.ops.base import Shape
from hwgen.ops.history import row_axis
from hwgen.ops.registry import get_op
from hwgen.quant.check import acc_bits_of
from hwgen.quant.model import QNode, QTensor

__all__ = ["Span", "fold", "of_rows", "rows_of", "span_of"]


@dataclass(frozen=True)
class Span:
    """Where in the stream the last window lies that is complete when a tensor ends.

    Parameters
    ----------
    rows
        Rows of the inputs in a window.
    reach
        Rows of the inputs from its first one to the newest one.
    stride
        Divides both: the product of the strides of what is pooled.
    """

    rows: int
    reach: int
    stride: int

    def late(self, pace: Pace, rows: int) -> int:
        """Return by how many rows a tensor is early of which a window has ``rows``."""
        return int(self.reach / pace.stride) - pace.delay - rows

    @property
    def pace(self) -> Pace:
        """The pace of a window's results."""
        return Pace(Fraction(self.stride), (self.reach - self.rows) // self.stride)


def span_of(rows: int, pooled: Mapping[str, int], paces: Mapping[str, Pace]) -> Span | None:
    """Return the span of windows of ``rows`` rows; None if nothing is pooled.

    Parameters
    ----------
    pooled
        Rows that a window has of each tensor whose rows are folded.
    """
    if not pooled:
        return None
    stride = lcm(*(paces[name].stride.numerator for name in pooled))
    reach = max((paces[name].delay + n) * paces[name].stride for name, n in pooled.items())
    return Span(rows, -(-reach // stride) * stride, stride)


def fold(node: QNode, source: QTensor, rows: int, warmup: int) -> list[QNode]:
    """Return the node that folds the parts of a hop, unless each is one element, and the one
    that folds those of a window.

    Parameters
    ----------
    node
        Folds ``rows`` rows of its input offline.
    source
        Its input in the stream: the rows of a hop.
    warmup
        First rows of a sequence that count as zero.
    """
    op, hop = get_op(node.op), rows_of(source.shape)
    size, columns = gcd(rows, hop), _columns(source.shape)
    found = []
    if size * columns > 1:
        part = op.part(node.lowered, source.shape, source.type, size)
        lowered = get_op(part.op).streamed(part.lowered, 0, warmup, source.type.zero_point)
        bits = acc_bits_of(part.op, lowered, [source.shape], [source.type])
        name = f"{node.name}_P{size}"  # a capital: no layer has such a name
        out = QTensor(name, of_rows(source.shape, hop // size, columns=1), part.type)
        found.append(QNode(name, part.op, (source.name,), lowered, out, bits))
        source, warmup, columns = out, 0, 1
    whole = op.of_parts(node.lowered, rows // size, columns)
    lowered = op.streamed(whole, (rows - hop) // size, warmup, source.type.zero_point)
    bits = acc_bits_of(node.op, lowered, [source.shape], [source.type])
    return [
        *found,
        replace(node, inputs=(source.name,), lowered=lowered, acc_bits=bits),
    ]


def rows_of(shape: Shape) -> int:
    """Return the rows of an image, or the tokens of a sequence."""
    return shape[row_axis(len(shape) + 1) - 1]


def of_rows(shape: Shape, rows: int, columns: int | None = None) -> Shape:
    """Return a shape with so many rows, and columns if it is an image's."""
    if len(shape) == 2:
        return rows, shape[1]
    return shape[0], rows, shape[2] if columns is None else columns


def _columns(shape: Shape) -> int:
    return shape[2] if len(shape) == 3 else 1
