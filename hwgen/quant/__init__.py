"""From real values to integers: the qgraph."""

from hwgen.quant.model import QGraph, QNode, QTensor

__all__ = ["QGraph", "QNode", "QTensor"]
