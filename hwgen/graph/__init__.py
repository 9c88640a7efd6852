"""The model as typed ops and shapes, real-valued."""

from hwgen.graph.build import build_graph, check_model
from hwgen.graph.model import Graph, Input, Node

__all__ = ["Graph", "Input", "Node", "build_graph", "check_model"]
