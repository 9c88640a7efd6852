"""Windows with zero padding, bit for bit: rows of the stream between two cones of a window's own.

The body runs on the stream as it is.  Of the rows that depend on padding, those at the front are
made in the hop that a window begins with and those at the back in the one that it ends with, both
from the rows of the layer before: its cone's, and rows of the stream next to them.  What is folded
is made of parts: the first hop of a window with its cone, kept until the window ends, the hops
after it, of which one part each is kept, and the cone at the back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from hwgen.graph.cones import Cones
from hwgen.ops.base import Lowered, Part
from hwgen.ops.concat import Concat
from hwgen.ops.crop import Crop
from hwgen.ops.delay import Delay
from hwgen.ops.history import RowWindow
from hwgen.ops.registry import get_op
from hwgen.ops.scaling import identity
from hwgen.ops.types import QType
from hwgen.quant.check import acc_bits_of
from hwgen.quant.model import QGraph, QNode, QTensor
from hwgen.quant.windows import of_rows, rows_of

__all__ = ["ExactWindows"]


class ExactWindows:
    """Makes the nodes of the cones, and those that fold a window.

    Parameters
    ----------
    qgraph
        Of the offline network: its tensors are those of a window.
    keep
        Takes each node that is made.
    tensors
        Those that are there already, by name; ``keep`` adds to them.
    """

    def __init__(
        self,
        qgraph: QGraph,
        cones: Cones,
        windows: Mapping[str, RowWindow],
        keep: Callable[[QNode], None],
        tensors: Mapping[str, QTensor],
    ) -> None:
        self._offline = qgraph
        self._cones = cones
        self._windows = windows
        self._keep = keep
        self._tensors = tensors

    def fold(self, node: QNode, hops: int) -> QNode:
        """Return the node that folds a window of ``hops`` hops, as that of a hop's tensors."""
        (name,) = node.inputs
        ends, source = self._cones.ends[name], self._tensors[name]
        op, hop, shape = get_op(node.op), rows_of(source.shape), source.shape

        def kind(rows: int) -> QType:
            """Return the type of what is left of so many rows: that of all, with their zero."""
            whole = op.part(node.lowered, shape, source.type, ends.rows).type
            part = op.part(node.lowered, shape, source.type, rows).type
            return replace(whole, zero_point=part.zero_point)

        def part(label: str, rows: QTensor, terms: int, count: int, history: int = 0) -> QTensor:
            """Add the node that folds ``count`` rows, which are ``terms`` rows of the input."""
            found = op.part(node.lowered, rows.shape, rows.type, count)
            return self._part(f"{node.name}_{label}", found, kind(terms), rows, history)

        skipped = ends.first + ends.pace.delay
        begin, fresh = [part("F", source, hop - skipped, hop - skipped, -skipped)], hop - skipped
        if ends.first:
            fresh += ends.first
            begin.append(part("L", self._front(name), ends.first, ends.first))
            begin = [part("B", self._joined(f"{node.name}_S", begin, kind(fresh)), fresh, 2)]
        parts = begin
        if hops > 1:
            (first,) = begin
            late = f"{first.name}_D{hops - 1}"
            lowered = Delay.of(hops - 1, first.type.zero_point)
            every = part("A", source, hop, hop)
            if hops > 2:
                every = part("M", every, (hops - 1) * hop, hops - 1, hops - 2)
            parts = [self._add(late, "delay", (first,), lowered, replace(first, name=late)), every]
        if ends.last < ends.rows:
            count = ends.rows - ends.last
            parts.append(part("R", self._back(name), count, count))
        joined = self._joined(f"{node.name}_J", parts, kind(ends.rows))
        lowered = op.of_parts(node.lowered, len(parts), 1)
        bits = acc_bits_of(node.op, lowered, [joined.shape], [joined.type])
        return replace(node, inputs=(joined.name,), lowered=lowered, acc_bits=bits)

    def _part(self, name: str, part: Part, kind: QType, source: QTensor, history: int) -> QTensor:
        """Add the node of a part, whose result is of a type that holds all parts together."""
        lowered = part.lowered
        if lowered.requant is not None:
            lowered = replace(lowered, requant=identity(kind))
        if history:
            lowered = get_op(part.op).streamed(lowered, history, 0, source.type.zero_point)
        out = QTensor(name, of_rows(source.shape, 1, columns=1), kind)
        return self._add(name, part.op, (source,), lowered, out)

    def _joined(self, name: str, parts: Sequence[QTensor], kind: QType) -> QTensor:
        """Add the node that has the rows of several tensors."""
        if len(parts) == 1:
            return parts[0]
        rows = sum(rows_of(part.shape) for part in parts)
        out = QTensor(name, of_rows(parts[0].shape, rows), kind)
        return self._add(name, "concat", parts, Concat.of_rows(len(parts), kind), out)

    # -- cones ----------------------------------------------------------------------------------

    def _front(self, name: str) -> QTensor:
        """Add the node that makes a tensor's first rows."""
        node, window = self._offline.node(name), self._windows[name]
        sources = [self._first_rows(source, self._cones.front(name)) for source in node.inputs]
        return self._cone(f"{name}_L", node, sources, window.left, 0, 0)

    def _back(self, name: str) -> QTensor:
        """Add the node that makes a tensor's last rows."""
        node, window = self._offline.node(name), self._windows[name]
        first = self._cones.back(name)
        sources = [self._last_rows(source, first) for source in node.inputs]
        before = self._cones.ends[node.inputs[0]]
        end = (self._cones.ends[name].rows - 1) * window.stride - window.left + window.extent
        skip = max(first - before.last, 0)
        return self._cone(f"{name}_R", node, sources, 0, max(end - before.rows, 0), skip)

    def _cone(
        self, name: str, node: QNode, sources: list[QTensor], before: int, after: int, skip: int
    ) -> QTensor:
        """Add the node that makes rows of rows, of which ``skip`` are left out."""
        op, window = get_op(node.op), self._windows[node.name]
        lowered = node.lowered
        if skip:
            lowered = op.streamed(lowered, -skip, 0, sources[0].type.zero_point)
        lowered = op.padded(lowered, before, after)
        rows = rows_of(sources[0].shape) - skip + before + after - window.extent
        shape = of_rows(node.out.shape, rows // window.stride + 1)
        return self._add(name, node.op, sources, lowered, replace(node.out, name=name, shape=shape))

    def _first_rows(self, name: str, count: int) -> QTensor:
        """Return a tensor of a window's first rows, ``count`` at least."""
        ends = self._cones.ends[name]
        parts = [self._front(name)] if ends.first else []
        if count > ends.first:
            parts.append(self._crop(name, ends.first + ends.pace.delay, count - ends.first))
        return self._joined(f"{name}_L{count}", parts, parts[0].type)

    def _last_rows(self, name: str, first: int) -> QTensor:
        """Return a tensor of a window's last rows, from ``first`` on or from its own on."""
        ends, hop = self._cones.ends[name], rows_of(self._tensors[name].shape)
        parts = []
        if first < ends.last:
            parts.append(self._crop(name, hop - ends.last + first, ends.last - first))
        if ends.last < ends.rows:
            parts.append(self._back(name))
        return self._joined(f"{name}_R{first}", parts, parts[0].type)

    def _crop(self, name: str, first: int, rows: int) -> QTensor:
        source = self._tensors[name]
        if rows == rows_of(source.shape):
            return source
        cropped = f"{name}_C{first}_{rows}"
        out = replace(source, name=cropped, shape=of_rows(source.shape, rows))
        return self._add(cropped, "crop", (source,), Crop.of(first, rows), out)

    def _add(
        self, name: str, op: str, sources: Sequence[QTensor], lowered: Lowered, out: QTensor
    ) -> QTensor:
        """Add a node, unless it is there already; return its result."""
        if name in self._tensors:
            return self._tensors[name]
        shapes, types = [item.shape for item in sources], [item.type for item in sources]
        bits = acc_bits_of(op, lowered, shapes, types)
        self._keep(QNode(name, op, tuple(item.name for item in sources), lowered, out, bits))
        return out
