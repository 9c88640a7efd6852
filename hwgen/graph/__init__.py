"""The model as typed ops and shapes, real-valued."""

from hwgen.graph.model import Graph, Input, Node

__all__ = ["Graph", "Input", "Node"]
