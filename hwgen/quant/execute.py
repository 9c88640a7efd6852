"""Run a graph in floating point or a qgraph in integers, node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hwgen.errors import Mark, SpecError
from hwgen.graph.model import Graph
from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, OpParams, Real
from hwgen.ops.events import Events, recorded
from hwgen.ops.registry import get_op
from hwgen.ops.scaling import encode
from hwgen.ops.types import QType
from hwgen.quant.lengths import at_length, blank, cut
from hwgen.quant.model import QGraph, QNode

__all__ = ["check_ids", "decode", "encode", "integer_node", "real_node", "run_integer", "run_real"]

_CHUNK = 64
"""Samples at a time: the patches of a convolution need many times the memory of its input."""


def check_ids(name: str, real: Real, kind: QType | None, where: Mark | None = None) -> None:
    """Refuse values that are not the numbers of a vocabulary, where an input's type counts them.

    Raises
    ------
    SpecError
        HG312, with the first value that is no integer or no number of the vocabulary.
    """
    if kind is None or not kind.count:
        return
    wrong = np.argwhere((real != np.floor(real)) | (real < kind.low) | (real > kind.high))
    if len(wrong):
        index = tuple(map(int, wrong[0]))
        message = f"{name!r} is {real[index]:g} at {list(index)}, which is no id of its vocabulary"
        raise SpecError("HG312", message, where=where, hint=f"integers, {kind.low} to {kind.high}")


def decode(codes: Int, kind: QType) -> Real:
    """Return the real values of codes."""
    real: Real = (codes - kind.zero_point) * np.float64(kind.scale)
    return real


def run_real(graph: Graph, inputs: Mapping[str, Real]) -> dict[str, Real]:
    """Return every tensor of the graph in float64, the inputs included, batch axis first."""
    tensors = {item.name: np.asarray(inputs[item.name], np.float64) for item in graph.inputs}
    for node in graph.nodes:
        sources = [tensors[name] for name in node.inputs]
        weights = graph.node_weights(node.name)
        tensors[node.name] = real_node(node.op, node.params, sources, weights)
    return tensors


def real_node(
    op: str, params: OpParams, sources: Sequence[Real], weights: Mapping[str, Real]
) -> Real:
    """Return one op's result in float64, some samples at a time."""
    parts = [
        get_op(op).real(params, [array[part] for array in sources], weights)
        for part in _parts(sources, at_once=get_op(op).remembers)
    ]
    return np.concatenate(parts)


def integer_node(op: str, lowered: Lowered, sources: Sequence[Int]) -> Int:
    """Return one op's codes, some samples at a time."""
    remembers = get_op(op).remembers or "history" in lowered.attrs
    parts = [
        get_op(op).integer(lowered, [array[part] for array in sources])
        for part in _parts(sources, at_once=remembers)
    ]
    return np.concatenate(parts)


def _parts(sources: Sequence[np.ndarray[Any, Any]], *, at_once: bool) -> list[slice]:
    """Return the samples to work on at a time: all of them, if one can matter to the next."""
    count = max(len(sources[0]), 1)
    size = count if at_once else _CHUNK
    return [slice(start, start + size) for start in range(0, count, size)]


def run_integer(
    qgraph: QGraph,
    inputs: Mapping[str, Int],
    events: dict[str, Events] | None = None,
    tokens: Int | None = None,
) -> dict[str, Int]:
    """Return the codes of every tensor, the inputs included, batch axis first.

    Parameters
    ----------
    events
        Filled with what each node counted.
    tokens
        How many rows of each tensor count, if not all do; the others are zeros in the results.
    """
    tensors = {item.name: inputs[item.name] for item in qgraph.inputs}
    graphs = {}
    if tokens is not None:
        tensors = {item.name: blank(item, tensors[item.name], tokens) for item in qgraph.inputs}
        graphs = {int(count): at_length(qgraph, int(count)) for count in np.unique(tokens)}

    def result(node: QNode) -> Int:
        sources = [tensors[name] for name in node.inputs]
        if tokens is None:
            return integer_node(node.op, node.lowered, sources)
        op = get_op(node.op)
        if op.recalls(node.lowered):
            return blank(node.out, op.mixed(node.lowered, sources, tokens), tokens)
        codes = np.zeros((len(tokens), *node.out.shape), np.int64)
        items = [qgraph.tensor(name) for name in node.inputs]
        for count, graph in graphs.items():
            some = tokens == count
            parts = [
                cut(item, array[some], count) for item, array in zip(items, sources, strict=True)
            ]
            found = integer_node(node.op, graph.node(node.name).lowered, parts)
            codes[some, : found.shape[1]] = found
        return codes

    for node in qgraph.nodes:
        if events is None:
            tensors[node.name] = result(node)
            continue
        with recorded() as events[node.name]:
            tensors[node.name] = result(node)
    return tensors
