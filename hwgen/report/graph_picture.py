"""The qgraph as a picture: boxes from left to right, edges with shape and width."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.ops.base import Shape
from hwgen.ops.types import QType
from hwgen.quant.model import QGraph

__all__ = ["Box", "Edge", "Picture", "draw_graph", "shape_text", "type_text"]

_WIDTH, _HEIGHT = 132, 56
_GAP_X, _GAP_Y = 44, 22
_MARGIN = 6


@dataclass(frozen=True)
class Box:
    """A node: corner, kind (``input``, ``node``, ``output``) and three lines of text."""

    x: int
    y: int
    kind: str
    title: str
    detail: str
    note: str


@dataclass(frozen=True)
class Edge:
    """A curve, as an SVG path."""

    path: str


@dataclass(frozen=True)
class Picture:
    """Boxes of one size, and curves between them; all in pixels."""

    width: int
    height: int
    box_width: int
    box_height: int
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


def shape_text(shape: Shape) -> str:
    """Return a shape as ``8x4x4``."""
    return "x".join(map(str, shape))


def type_text(kind: QType) -> str:
    """Return a type as ``int4`` or ``uint4``."""
    return f"{'int' if kind.signed else 'uint'}{kind.bits}"


def draw_graph(qgraph: QGraph) -> Picture:
    """Return the picture: a column per distance from the inputs, short edges preferred."""
    columns = _columns(qgraph)
    rows = _rows(qgraph, columns)
    tallest = max(len(column) for column in rows)
    place: dict[str, tuple[int, int]] = {}
    for number, column in enumerate(rows):
        free = (tallest - len(column)) * (_HEIGHT + _GAP_Y) // 2
        for row, name in enumerate(column):
            x = _MARGIN + number * (_WIDTH + _GAP_X)
            place[name] = (x, _MARGIN + free + row * (_HEIGHT + _GAP_Y))
    boxes = []
    for item in qgraph.inputs:
        text = f"{shape_text(item.shape)} {type_text(item.type)}"
        boxes.append(Box(*place[item.name], "input", item.name, "input", text))
    for node in qgraph.nodes:
        kind = "output" if node.name in qgraph.outputs else "node"
        text = f"{shape_text(node.out.shape)} {type_text(node.out.type)}"
        boxes.append(Box(*place[node.name], kind, node.name, node.op, text))
    edges = [Edge(_curve(place[name], place[n.name])) for n in qgraph.nodes for name in n.inputs]
    width = 2 * _MARGIN + len(rows) * (_WIDTH + _GAP_X) - _GAP_X
    height = 2 * _MARGIN + tallest * (_HEIGHT + _GAP_Y) - _GAP_Y
    return Picture(width, height, _WIDTH, _HEIGHT, tuple(boxes), tuple(edges))


def _columns(qgraph: QGraph) -> dict[str, int]:
    depth = {item.name: 0 for item in qgraph.inputs}
    for node in qgraph.nodes:
        depth[node.name] = 1 + max((depth[name] for name in node.inputs), default=0)
    return depth


def _rows(qgraph: QGraph, columns: dict[str, int]) -> list[list[str]]:
    """Return the names per column, each near the middle of what it reads (barycentre)."""
    rows: list[list[str]] = [[] for _ in range(1 + max(columns.values()))]
    for name, number in columns.items():
        rows[number].append(name)
    reads = {node.name: node.inputs for node in qgraph.nodes}
    height: dict[str, float] = {}
    for column in rows:
        centre = {
            name: sum(height[source] for source in reads.get(name, ())) / len(reads[name])
            if reads.get(name)
            else float(index)
            for index, name in enumerate(column)
        }
        column.sort(key=centre.__getitem__)
        height |= {name: index - len(column) / 2 for index, name in enumerate(column)}
    return rows


def _curve(source: tuple[int, int], sink: tuple[int, int]) -> str:
    x0, y0 = source[0] + _WIDTH, source[1] + _HEIGHT // 2
    x1, y1 = sink[0], sink[1] + _HEIGHT // 2
    bend = (x1 - x0) // 2
    return f"M{x0} {y0}C{x0 + bend} {y0} {x1 - bend} {y1} {x1} {y1}"
