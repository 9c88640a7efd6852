"""Run a graph in floating point or a qgraph in integers, node by node."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwgen.graph.model import Graph
from hwgen.ops.arithmetic import Int, saturate
from hwgen.ops.base import Real
from hwgen.ops.registry import get_op
from hwgen.ops.types import QType
from hwgen.quant.model import QGraph

__all__ = ["decode", "encode", "run_integer", "run_real"]


def encode(real: Real, kind: QType) -> Int:
    """Return codes of real values: rounded half up, saturated."""
    scaled = np.floor(np.asarray(real, dtype=np.float64) / kind.scale + 0.5)
    limited = np.clip(scaled, kind.low - kind.zero_point, kind.high - kind.zero_point)
    return saturate(limited.astype(np.int64) + kind.zero_point, kind.low, kind.high)


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
        tensors[node.name] = get_op(node.op).real(node.params, sources, weights)
    return tensors


def run_integer(qgraph: QGraph, inputs: Mapping[str, Int]) -> dict[str, Int]:
    """Return the codes of every tensor, the inputs included, batch axis first."""
    tensors = {item.name: inputs[item.name] for item in qgraph.inputs}
    for node in qgraph.nodes:
        sources = [tensors[name] for name in node.inputs]
        tensors[node.name] = get_op(node.op).integer(node.lowered, sources)
    return tensors
