"""Pass: a relu joins the op before it, which then clamps for free when it requantises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hwgen.graph.model import Graph, Node

__all__ = ["fuse_activation"]


def fuse_activation(graph: Graph, keep: Collection[str] = ()) -> Graph:
    """Return the graph with each relu merged into its producer where nobody else needs that.

    The producer must have an ``activation`` key that is ``none``, no other reader, and not be an
    output.  The merged node has the relu's name, so that tensors keep the names of the spec; the
    producer's weights are renamed with it.

    Parameters
    ----------
    keep
        Names of producers to leave alone: those that the spec says something about.  What it
        says about the relu is about the merged node.
    """
    nodes = {node.name: node for node in graph.nodes}
    weights = dict(graph.weights)
    for relu in graph.nodes:
        if relu.op != "relu" or relu.inputs[0] not in nodes:
            continue
        producer = nodes[relu.inputs[0]]
        if not _takes_activation(producer) or producer.name in graph.outputs:
            continue
        if producer.label in keep:
            continue
        if graph.consumers(producer.name) != (relu.name,):
            continue
        merged = replace(
            producer,
            name=relu.name,
            part=relu.part,
            blocks=relu.blocks,
            params=producer.params.model_copy(update={"activation": "relu"}),
        )
        # The merged node stands where the relu stood: what reads it comes later.
        del nodes[producer.name]
        nodes[relu.name] = merged
        for name in graph.node_weights(producer.name):
            weights[f"{relu.name}.{name}"] = weights.pop(f"{producer.name}.{name}")
    return replace(graph, nodes=tuple(nodes.values()), weights=weights)


def _takes_activation(node: Node) -> bool:
    return getattr(node.params, "activation", None) == "none"
