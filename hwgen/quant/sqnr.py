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
from hwgen.quant.padding import Link, padding

__all__ = ["NoiseMeter", "sqnr"]


class NoiseMeter:
    """Adds up the signal and the noise of every tensor, batch after batch.

    Indices (argmax) have no noise in this sense and are left out, rows of padding too.
    """

    def __init__(self, qgraph: QGraph) -> None:
        self._qgraph = qgraph
        indices = {node.name for node in qgraph.nodes if get_op(node.op).categorical}
        names = [item.name for item in qgraph.inputs] + [node.name for node in qgraph.nodes]
        self._sums = {name: [0.0, 0.0] for name in names if name not in indices}
        self._scaled = {node.name: node.scaled for node in qgraph.nodes if node.scaled}
        self._mask = padding(
            [
                Link(node.name, node.op, node.inputs, node.lowered.attrs.get("padded", False))
                for node in qgraph.nodes
            ],
            {name: qgraph.tensor(name).shape for name in names},
            [item.name for item in qgraph.inputs],
        )

    def add(self, real: Mapping[str, Real], codes: Mapping[str, Int]) -> None:
        """Count a batch: all tensors in floating point, and their codes."""
        for name, sums in self._sums.items():
            got, wanted = decode(codes[name], self._qgraph.tensor(name).type), real.get(name)
            scaled = self._scaled.get(name)
            if scaled is not None:
                wanted = real[scaled.origin]
                if scaled.order:
                    wanted = wanted[..., list(scaled.order)]
                if scaled.factors:
                    wanted = wanted / np.array(scaled.factors)
            assert wanted is not None
            mask = self._mask.rows(name, real)
            if mask is not None:
                got, wanted = got[mask], wanted[mask]
            sums[0] += float(np.sum(wanted**2))
            sums[1] += float(np.sum((got - wanted) ** 2))

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
