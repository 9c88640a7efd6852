"""From the integer graph of an offline network to that of the same network in a stream.

Weights, types and scales stay.  A tensor becomes a chunk of rows; a window reads rows of earlier
chunks instead of padding before and behind; where paths meet, those that are early are delayed.
What folds all rows folds those of a hop in parts first, and then the parts of the last window.
"""

from __future__ import annotations

from dataclasses import replace

from hwgen.graph.cones import Cones
from hwgen.graph.model import Graph
from hwgen.graph.streaming import Pace, history_of, joined, paces
from hwgen.graph.windows import body_windows
from hwgen.ops.delay import Delay
from hwgen.ops.history import RowWindow, row_axis
from hwgen.ops.registry import get_op
from hwgen.ops.scaling import in_order
from hwgen.quant.check import check_qgraph
from hwgen.quant.exact_windows import ExactWindows
from hwgen.quant.model import QGraph, QNode, QTensor, Streamed, StreamPace
from hwgen.quant.windows import Span, fold, rows_of, span_of

__all__ = ["stream"]


def stream(qgraph: QGraph, graph: Graph, chunk: int, *, exact: bool = False) -> QGraph:
    """Return the streamed form of the integer graph of ``graph``.

    Row ``j`` of a tensor is row ``j - delay`` of the offline one, for all ``j`` from the delay on,
    whatever the chunk; the rows before are what the layers make of padding.

    Parameters
    ----------
    graph
        As :func:`hwgen.graph.streaming.check_stream` found it good.
    chunk
        Rows of each input in a tensor; where nodes fold all rows of a window, its hop: a tensor
        ends with the result of the last window that is complete in all of them.
    exact
        Whether a window is padded as it is offline, not with the signal around it.
    """
    made = _Streamer(qgraph, graph, chunk, exact=exact)
    for node in qgraph.nodes:
        made.add(node)
    result = replace(
        qgraph,
        inputs=tuple(made.tensors[item.name] for item in qgraph.inputs),
        nodes=tuple(made.nodes),
        stream=Streamed(
            chunk,
            tuple(
                StreamPace(name, pace.stride.numerator, pace.delay, pace.stride.denominator)
                for name, pace in made.paces.items()
            ),
            0 if made.span is None else made.span.rows,
        ),
    )
    check_qgraph(result)
    return result


class _Streamer:
    """The nodes so far; ``paces`` and ``tensors`` of those and of what they read."""

    def __init__(self, qgraph: QGraph, graph: Graph, chunk: int, *, exact: bool) -> None:
        self.nodes: list[QNode] = []
        self.tensors: dict[str, QTensor] = {}
        self._chunk = chunk
        self._windows = body_windows(graph)
        inputs = [item.name for item in qgraph.inputs]
        links = [(node.name, node.inputs) for node in qgraph.nodes if node.name in self._windows]
        self.paces = paces(inputs, links, self._windows)
        pools = [node.inputs[0] for node in qgraph.nodes if get_op(node.op).in_parts]
        self._pooled = {name: rows_of(qgraph.tensor(name).shape) for name in pools}
        window = rows_of(qgraph.inputs[0].shape)
        self.span = span_of(window, self._pooled, self.paces)
        self._exact: ExactWindows | None = None
        if exact:
            rows = {name: rows_of(qgraph.tensor(name).shape) for name in self.paces}
            cones = Cones(rows, links, self._windows, self.paces)
            self._exact = ExactWindows(qgraph, cones, self._windows, self._keep, self.tensors)
            self.span = Span(window, window, self.span.stride) if self.span else None
        for item in qgraph.inputs:
            self.tensors[item.name] = self._chunked(item)

    def add(self, node: QNode) -> None:
        """Add a node, and the delays and parts that it needs."""
        if get_op(node.op).in_parts:
            self._fold(node)
        elif len(self.tensors[node.inputs[0]].shape) == 1:
            self._once(node)
        else:
            self._each_row(node)

    def _fold(self, node: QNode) -> None:
        """Add a node that folds all rows of a window."""
        assert self.span is not None
        (name,) = node.inputs
        if self._exact is not None:
            self._once(self._exact.fold(node, self.span.rows // self._chunk))
            return
        rows = self._pooled[name]
        name = self._delayed(name, self.span.late(self.paces[name], rows))
        parts = fold(node, self.tensors[name], rows, self.paces[name].delay)
        for part in parts[:-1]:
            self._keep(part)
        self._once(parts[-1])

    def _once(self, node: QNode) -> None:
        """Add a node whose result comes once per window."""
        assert self.span is not None
        self.paces[node.name] = self.span.pace
        self._keep(node)

    def _keep(self, node: QNode) -> None:
        self.tensors[node.name] = node.out
        self.nodes.append(node)

    def _each_row(self, node: QNode) -> None:
        """Add a node that makes rows of rows."""
        window = self._windows.get(node.name, RowWindow())
        delays = joined([self.paces[name].delay for name in node.inputs], window)
        inputs = [
            self._delayed(name, late - self.paces[name].delay)
            for name, late in zip(node.inputs, delays, strict=True)
        ]
        lowered = node.lowered
        if window.in_turn:
            turns = [(place - sum(delays)) % len(inputs) for place in range(len(inputs))]
            inputs = [inputs[turn] for turn in turns]
            lowered = in_order(lowered, turns)
        elif window != RowWindow() or "more" in lowered.attrs:
            (source,) = inputs
            pace = self.paces[source]
            zero = self.tensors[source].type.zero_point
            history = history_of(pace, window)
            lowered = get_op(node.op).streamed(lowered, history, pace.delay, zero)
        out = self._chunked(node.out)
        self._keep(replace(node, inputs=tuple(inputs), lowered=lowered, out=out))

    def _delayed(self, name: str, rows: int) -> str:
        """Return a tensor that is ``rows`` rows later, which several readers may share."""
        if not rows:
            return name
        late = f"{name}_D{rows}"  # a capital: no layer has such a name
        if late not in self.tensors:
            source, pace = self.tensors[name], self.paces[name]
            out = replace(source, name=late)
            lowered = Delay.of(rows, source.type.zero_point)
            self.paces[late] = Pace(pace.stride, pace.delay + rows)
            self._keep(QNode(late, "delay", (name,), lowered, out, 0))
        return late

    def _chunked(self, tensor: QTensor) -> QTensor:
        axis = row_axis(len(tensor.shape) + 1) - 1
        rows = int(self._chunk / self.paces[tensor.name].stride)
        return replace(tensor, shape=(*tensor.shape[:axis], rows, *tensor.shape[axis + 1 :]))
