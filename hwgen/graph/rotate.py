"""Rotate what linear layers read, in the weights alone: the model computes the same.

An orthogonal matrix spreads outliers of a few channels over all channels, so that few bits hold
them (QuaRot: Ashkboos et al., arXiv 2404.00456).  It costs nothing at run time where it is
absorbed on both sides: by the layers that write a tensor, and by the linear layers that read it.
Between them may stand residual sums, and normalisations, which commute with a rotation once their
gains have moved into the readers.  The values of an attention are rotated head by head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwgen.errors import Mark, SpecError
from hwgen.graph.model import Graph, Node
from hwgen.ops import get_op
from hwgen.ops.base import Real
from hwgen.ops.orthogonal import legal_sizes, rotation

__all__ = ["rotate"]

_NORMS = ("layer_norm", "rms_norm")


@dataclass(frozen=True)
class _Group:
    """Tensors that are rotated together.

    ``writers`` make them, ``norms`` and ``readers`` (linear layers, behind a normalisation or not)
    read them; ``size`` channels turn together.
    """

    tensors: tuple[str, ...]
    writers: tuple[str, ...]
    norms: tuple[str, ...]
    readers: tuple[str, ...]
    size: int


def rotate(graph: Graph, mark: Mark) -> Graph:
    """Return the graph with every tensor rotated that can be; ``notes`` say which.

    Parameters
    ----------
    mark
        Where the spec asks for it.

    Raises
    ------
    SpecError
        HG475 if there is no such tensor, with the reasons; HG476 for a size without a matrix.
    """
    refused: list[str] = []
    groups = [*_streams(graph, refused), *_values(graph, refused)]
    if not groups:
        reasons = "; ".join(refused) or "no linear layer reads what a linear layer wrote"
        raise SpecError(
            "HG475",
            f"no tensor can be rotated in the weights around it: {reasons}",
            where=mark,
            hint="leave quantize.rotate out, or try quantize.equalize",
        )
    for group in groups:
        graph = _rotated(graph, group, mark)
    names = ", ".join(group.tensors[0] for group in groups)
    count = len({reader for group in groups for reader in group.readers})
    note = f"Rotated in the weights, for {count} linear layers: {names}."
    return replace(graph, notes=(*graph.notes, note))


# -- what can be rotated ------------------------------------------------------------------------


def _streams(graph: Graph, refused: list[str]) -> Iterator[_Group]:
    """Yield the groups of tensors that residual sums join."""
    group_of: dict[str, set[str]] = {}
    for node in graph.nodes:
        group = {node.name}
        if node.op == "add":
            for name in node.inputs:
                group |= group_of.get(name, {name})
        for name in group:
            group_of[name] = group
    seen: set[int] = set()
    for group in group_of.values():
        if id(group) in seen:
            continue
        seen.add(id(group))
        tensors = tuple(node.name for node in graph.nodes if node.name in group)
        readers, norms = _readers(graph, tensors)
        if not readers or not tensors:
            continue
        problem = _problem(graph, group, norms)
        if problem:
            refused.append(problem)
            continue
        writers = tuple(name for name in tensors if graph.node(name).op != "add")
        yield _Group(tensors, writers, norms, readers, graph.shape(tensors[0])[-1])


def _readers(graph: Graph, tensors: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the linear layers that read tensors, maybe through normalisations, and those."""
    nodes = [graph.node(name) for tensor in tensors for name in graph.consumers(tensor)]
    norms = tuple(dict.fromkeys(node.name for node in nodes if node.op in _NORMS))
    nodes += [graph.node(name) for norm in norms for name in graph.consumers(norm)]
    return tuple(dict.fromkeys(node.name for node in nodes if node.op == "linear")), norms


def _problem(graph: Graph, group: set[str], norms: Sequence[str]) -> str:
    """Return why a group cannot be rotated, or nothing."""
    kinds = {graph.node(name).op for name in norms}
    for name in sorted(group - {node.name for node in graph.nodes}):
        return f"{name} is an input of the model"
    for name in [node.name for node in graph.nodes if node.name in group]:
        node = graph.node(name)
        if len(node.shape) == 3:
            return f"{name} is an image"
        if name in graph.outputs:
            return f"{name} is an output of the model"
        if node.op not in ("add", "linear", "embedding"):
            return f"{name} is the result of {node.op}"
        if getattr(node.params, "activation", "none") != "none":
            return f"{name} has an activation"
        for reader in map(graph.node, graph.consumers(name)):
            direct = reader.op == "linear" and "layer_norm" not in kinds
            if reader.name not in group and reader.name not in norms and not direct:
                return f"{name} is read by {reader.op} {reader.name}"
    for name in norms:
        if name in graph.outputs:
            return f"{name} is an output of the model"
        for reader in map(graph.node, graph.consumers(name)):
            if reader.op != "linear":
                return f"{name} is read by {reader.op} {reader.name}"
    return "normalisations of both kinds read it" if len(kinds) > 1 else ""


def _values(graph: Graph, refused: list[str]) -> Iterator[_Group]:
    """Yield the values of attentions, with the linear layers on both sides."""
    for node in graph.nodes:
        if node.op != "attention":
            continue
        value, readers = node.inputs[2], graph.consumers(node.name)
        kv_heads = node.params.kv_heads or node.params.heads  # type: ignore[attr-defined]
        writers = [other for other in graph.nodes if other.name == value and other.op == "linear"]
        if not writers or getattr(writers[0].params, "activation", "none") != "none":
            refused.append(f"the values of {node.name} are not the result of a linear layer")
        elif graph.consumers(value) != (node.name,) or {value, node.name} & set(graph.outputs):
            refused.append(f"others read {value} or {node.name} too")
        elif not readers or any(graph.node(name).op != "linear" for name in readers):
            refused.append(f"{node.name} is not read by linear layers alone")
        else:
            size = graph.shape(value)[-1] // kv_heads
            yield _Group((value, node.name), (value,), (), readers, size)


# -- the rotation -------------------------------------------------------------------------------


def _rotated(graph: Graph, group: _Group, mark: Mark) -> Graph:
    matrix = rotation(group.size)
    if matrix is None:
        below, above = legal_sizes(group.size)
        raise SpecError(
            "HG476",
            f"{group.tensors[0]} has {group.size} channels to rotate, for which there is no "
            f"Hadamard matrix here",
            where=mark,
            hint=f"2**k or (q + 1) * 2**k with a prime q = 4 n + 3: {below} or {above} are nearest",
        )
    weights = dict(graph.weights)
    nodes = {node.name: node for node in graph.nodes}
    centered = any(nodes[name].op == "layer_norm" for name in group.norms)
    for name in group.norms:
        _move_gain(graph, nodes, weights, name)
    for name in group.writers:
        for short in graph.node_weights(name):
            array = weights[f"{name}.{short}"]
            # What is written varies along the rows of a linear layer, the columns of a table.
            across = nodes[name].op == "linear" and array.ndim == 2
            written = array.T if across else array
            if centered:
                written = written - written.mean(axis=-1, keepdims=True)
            turned = _turn(written, matrix)
            weights[f"{name}.{short}"] = turned.T if across else turned
    for name in group.readers:
        weights[f"{name}.weight"] = _turn(weights[f"{name}.weight"], matrix)
    return replace(graph, nodes=tuple(nodes[node.name] for node in graph.nodes), weights=weights)


def _turn(rows: Real, matrix: Real) -> Real:
    """Return (..., channels) with every run of the matrix's size rotated."""
    parts = rows.reshape(*rows.shape[:-1], -1, len(matrix)) @ matrix
    turned: Real = parts.reshape(rows.shape)
    return turned


def _move_gain(graph: Graph, nodes: dict[str, Node], weights: dict[str, Real], name: str) -> None:
    """Make a normalisation one by the root mean square, its gain and bias in the readers."""
    node = nodes[name]
    gain = weights[f"{name}.weight"]
    bias = weights.pop(f"{name}.bias", None)
    for reader in graph.consumers(name):
        weight = weights[f"{reader}.weight"]
        if bias is not None:
            more = weight @ bias
            if f"{reader}.bias" not in weights:
                params = nodes[reader].params.model_copy(update={"bias": True})
                nodes[reader] = replace(nodes[reader], params=params)
            weights[f"{reader}.bias"] = weights.get(f"{reader}.bias", 0.0) + more
        weights[f"{reader}.weight"] = weight * gain
    weights[f"{name}.weight"] = np.ones_like(gain)
    params = get_op("rms_norm").Params(eps=node.params.eps)  # type: ignore[attr-defined,call-arg]
    nodes[name] = replace(node, op="rms_norm", params=params)
