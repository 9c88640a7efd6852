"""From the integer graph of an offline network to that of the same network in a stream.

Weights, types and scales stay.  A tensor becomes a chunk of rows; a window reads rows of earlier
chunks instead of padding before and behind; where paths meet, those that are early are delayed.
"""

from __future__ import annotations

from dataclasses import replace

from hwgen.graph.model import Graph
from hwgen.graph.streaming import Pace, history_of, paces, windows_of
from hwgen.ops.delay import Delay
from hwgen.ops.history import RowWindow, row_axis
from hwgen.ops.registry import get_op
from hwgen.quant.check import check_qgraph
from hwgen.quant.model import QGraph, QNode, QTensor, Streamed, StreamPace

__all__ = ["stream"]


def stream(qgraph: QGraph, graph: Graph, chunk: int) -> QGraph:
    """Return the streamed form of the integer graph of ``graph``.

    Row ``j`` of a tensor is row ``j - delay`` of the offline one, for all ``j`` from the delay on,
    whatever the chunk; the rows before are what the layers make of padding.

    Parameters
    ----------
    graph
        As :func:`hwgen.graph.streaming.check_stream` found it good.
    chunk
        Rows of each input in a tensor.
    """
    made = _Streamer(qgraph, graph, chunk)
    for node in qgraph.nodes:
        made.add(node)
    result = replace(
        qgraph,
        inputs=tuple(made.tensors[item.name] for item in qgraph.inputs),
        nodes=tuple(made.nodes),
        stream=Streamed(
            chunk,
            tuple(StreamPace(name, pace.stride, pace.delay) for name, pace in made.paces.items()),
        ),
    )
    check_qgraph(result)
    return result


class _Streamer:
    """The nodes so far; ``paces`` and ``tensors`` of those and of what they read."""

    def __init__(self, qgraph: QGraph, graph: Graph, chunk: int) -> None:
        self.nodes: list[QNode] = []
        self.tensors: dict[str, QTensor] = {}
        self._chunk = chunk
        self._windows = windows_of(graph)
        inputs = [item.name for item in qgraph.inputs]
        links = [(node.name, node.inputs) for node in qgraph.nodes]
        self.paces = paces(inputs, links, self._windows)
        for item in qgraph.inputs:
            self.tensors[item.name] = self._chunked(item)

    def add(self, node: QNode) -> None:
        """Add a node, and the delays that it needs."""
        late = max(self.paces[name].delay for name in node.inputs)
        inputs = tuple(self._delayed(name, late - self.paces[name].delay) for name in node.inputs)
        window = self._windows.get(node.name, RowWindow())
        lowered = node.lowered
        if window != RowWindow():
            (source,) = inputs
            pace = self.paces[source]
            zero = self.tensors[source].type.zero_point
            history = history_of(pace, window)
            lowered = get_op(node.op).streamed(lowered, history, pace.delay, zero)
        out = self._chunked(node.out)
        self.tensors[node.name] = out
        self.nodes.append(replace(node, inputs=inputs, lowered=lowered, out=out))

    def _delayed(self, name: str, rows: int) -> str:
        """Return a tensor that is ``rows`` rows later, which several readers may share."""
        if not rows:
            return name
        late = f"{name}_D{rows}"  # a capital: no layer has such a name
        if late not in self.tensors:
            source, pace = self.tensors[name], self.paces[name]
            out = replace(source, name=late)
            lowered = Delay.of(rows, source.type.zero_point)
            self.tensors[late] = out
            self.paces[late] = Pace(pace.stride, pace.delay + rows)
            self.nodes.append(QNode(late, "delay", (name,), lowered, out, 0))
        return late

    def _chunked(self, tensor: QTensor) -> QTensor:
        axis = row_axis(len(tensor.shape) + 1) - 1
        rows = self._chunk // self.paces[tensor.name].stride
        return replace(tensor, shape=(*tensor.shape[:axis], rows, *tensor.shape[axis + 1 :]))
