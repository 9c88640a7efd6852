"""Signal-to-quantisation-noise ratio of each tensor."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hwgen.graph.model import Graph
from hwgen.ops import get_op
from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real
from hwgen.quant.execute import decode, encode, run_integer, run_real
from hwgen.quant.model import QGraph

__all__ = ["NoiseMeter", "sqnr"]


class NoiseMeter:
    """Adds up the signal and the noise of every tensor, batch after batch.

    Indices (argmax) have no noise in this sense and are left out.
    """

    def __init__(self, qgraph: QGraph) -> None:
        self._qgraph = qgraph
        indices = {node.name for node in qgraph.nodes if get_op(node.op).categorical}
        names = [item.name for item in qgraph.inputs] + [node.name for node in qgraph.nodes]
        self._sums = {name: [0.0, 0.0] for name in names if name not in indices}

    def add(self, real: Mapping[str, Real], codes: Mapping[str, Int]) -> None:
        """Count a batch: all tensors in floating point, and their codes."""
        for name, sums in self._sums.items():
            wrong = decode(codes[name], self._qgraph.tensor(name).type) - real[name]
            sums[0] += float(np.sum(real[name] ** 2))
            sums[1] += float(np.sum(wrong**2))

    def decibels(self) -> dict[str, float]:
        """Return the ratio by tensor in dB; infinite where nothing differs."""
        return {name: _ratio(*sums) for name, sums in self._sums.items()}


def sqnr(graph: Graph, qgraph: QGraph, inputs: Mapping[str, Real]) -> dict[str, float]:
    """Return the signal-to-quantisation-noise ratio of each input and node, in dB.

    Both graphs start from the same real inputs, so that a node's ratio includes the noise of
    everything before it.

    Parameters
    ----------
    inputs
        Real arrays (n, ...) by input name.
    """
    real = run_real(graph, inputs)
    encoded = {item.name: encode(real[item.name], item.type) for item in qgraph.inputs}
    meter = NoiseMeter(qgraph)
    meter.add(real, run_integer(qgraph, encoded))
    return meter.decibels()


def _ratio(signal: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
