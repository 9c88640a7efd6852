"""Put a Hadamard transform in front of linear layers, and its inverse into their weights.

Where no weights before a tensor can absorb a rotation, hardware turns it (QuaRot's online
transforms: Ashkboos et al., arXiv 2404.00456): an op of additions alone.  Linear layers that read
the same tensor share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hwgen.errors import Mark, SpecError
from hwgen.graph.model import Graph, Node
from hwgen.ops import ParamError, get_op
from hwgen.ops.base import Shape
from hwgen.ops.orthogonal import legal_transform_sizes, transform
from hwgen.spec.references import ROTATED

__all__ = ["rotate_online"]


def rotate_online(graph: Graph, mark: Mark, named: Iterable[str] = ()) -> Graph:
    """Return the graph with a transform of each tensor that linear layers read, if it can be.

    Parameters
    ----------
    mark
        Where the spec asks for it.
    named
        Keys of ``quantize.layers``; those that end with ``_rotated`` must exist afterwards.

    Raises
    ------
    SpecError
        HG485 if no linear layer reads rows of a size that has a transform; HG486 for a name of
        a transform that there is not.
    """
    readers: dict[str, list[Node]] = {}
    refused: dict[str, Shape] = {}
    for node in graph.nodes:
        if node.op == "linear":
            (name,) = node.inputs
            readers.setdefault(name, []).append(node)
    for name in list(readers):
        shape = graph.shape(name)
        if len(shape) == 3 or not _fits(shape):
            refused[name] = shape
            del readers[name]
    if not readers:
        raise SpecError(
            "HG485",
            f"no linear layer reads rows that can be transformed{_why(refused)}",
            where=mark,
            hint="leave quantize.rotate out, or give layers such numbers of features",
        )
    weights, moved = dict(graph.weights), {name: f"{name}{ROTATED}" for name in readers}
    made: dict[str, Node] = {}
    for name, linear in readers.items():
        made[name] = _transform(graph, name, linear[0].mark)
        matrix = transform(made[name].shape[-1])
        assert matrix is not None
        for node in linear:
            weights[f"{node.name}.weight"] = weights[f"{node.name}.weight"] @ matrix
    nodes = [made[item.name] for item in graph.inputs if item.name in made]
    for node in graph.nodes:
        if node.op == "linear":
            node = replace(node, inputs=tuple(moved.get(name, name) for name in node.inputs))
        nodes += [node, *([made[node.name]] if node.name in made else [])]
    _check_names(nodes, mark, named)
    notes = [f"Transformed in front of linear layers: {', '.join(readers)}."]
    if refused:
        notes.append(f"Not transformed{_why(refused)}.")
    return replace(graph, nodes=tuple(nodes), weights=weights, notes=(*graph.notes, *notes))


def _fits(shape: Shape) -> bool:
    op = get_op("hadamard")
    try:
        op.shape(op.Params(), [shape])
    except ParamError:
        return False
    return True


def _why(refused: dict[str, Shape]) -> str:
    if not refused:
        return ""
    parts = []
    for name, shape in refused.items():
        if len(shape) == 3:
            parts.append(f"{name} is an image")
        else:
            below, above = legal_transform_sizes(shape[-1])
            parts.append(f"{name} has {shape[-1]} features (nearest sizes: {below}, {above})")
    return f": {'; '.join(parts)}"


def _transform(graph: Graph, name: str, mark: Mark) -> Node:
    """Return the node that transforms a tensor, labelled like it."""
    source = next((node for node in graph.nodes if node.name == name), None)
    return Node(
        name=f"{name}{ROTATED}",
        op="hadamard",
        inputs=(name,),
        params=get_op("hadamard").Params(),
        shape=graph.shape(name),
        mark=mark if source is None else source.mark,
        part=f"{source.part}{ROTATED}" if source is not None and source.part else "",
        blocks=() if source is None else source.blocks,
    )


def _check_names(nodes: Iterable[Node], mark: Mark, named: Iterable[str]) -> None:
    """Raise HG486 for a name of a transform that there is not, and for one that a layer has."""
    transforms = {label for node in nodes if node.op == "hadamard" for label in node.labels}
    names = [node.name for node in nodes]
    taken = sorted({name for name in names if names.count(name) > 1})
    absent = sorted(item for item in named if item.endswith(ROTATED) and item not in transforms)
    if taken or absent:
        problem = (
            f"a layer has the name {taken[0]} of a transform"
            if taken
            else f"quantize.layers names {absent[0]}, but no linear layer reads a transform of that"
        )
        known = ", ".join(sorted(transforms)[:8])
        raise SpecError(
            "HG486", problem, where=mark, hint=f"rename it; there are transforms {known}"
        )
