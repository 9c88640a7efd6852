"""Pass: a flatten that only linear layers read disappears, as they flatten images by themselves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hwgen.graph.model import Graph

__all__ = ["absorb_flatten"]


def absorb_flatten(graph: Graph, keep: Collection[str] = ()) -> Graph:
    """Return the graph without flatten nodes that are read by linear nodes alone.

    A linear node takes an image in (channels, height, width) order, which is the order that
    flatten defines; so its weights stay as they are.  Of a sequence it would take each token.

    Parameters
    ----------
    keep
        Names of nodes to leave alone: those that the spec says something about.
    """
    for node in graph.nodes:
        readers = graph.consumers(node.name)
        if (
            node.op == "flatten"
            and len(graph.shape(node.inputs[0])) != 2
            and node.name not in graph.outputs
            and node.label not in keep
            and all(graph.node(name).op == "linear" for name in readers)
        ):
            nodes = tuple(
                replace(
                    item, inputs=tuple(node.inputs[0] if n == node.name else n for n in item.inputs)
                )
                for item in graph.nodes
                if item is not node
            )
            return absorb_flatten(replace(graph, nodes=nodes), keep)
    return graph
