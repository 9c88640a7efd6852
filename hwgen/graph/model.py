"""Graph: the real-valued meaning of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.errors import Mark
from hwgen.ops.base import OpParams, Real, Shape

__all__ = ["Graph", "Input", "Node"]


@dataclass(frozen=True)
class Input:
    """A tensor that the user sends.

    Its shape is (channels, height, width), (tokens, features) or (features,).  ``lengths`` are the
    numbers of tokens that it can have, the shape's first; none if it has that number always.
    """

    name: str
    shape: Shape
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Node:
    """One op; its output tensor has the node's name.

    Parameters
    ----------
    inputs
        Names of the tensors it reads: graph inputs or other nodes.
    params
        The op's validated spec keys.
    shape
        Shape of the output.
    mark
        Where the spec defines it.
    part
        Its name inside the block that it comes from (``encoder_0_query``), else empty; its
        arrays in the weights file have this name.
    blocks
        Names of the block that it comes from: with its number, without.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    params: OpParams
    shape: Shape
    mark: Mark
    part: str = ""
    blocks: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name by which the spec speaks of it alone."""
        return self.part or self.name

    @property
    def labels(self) -> tuple[str, ...]:
        """All names by which the spec can speak of it, those that mean fewer nodes first."""
        return self.label, *self.blocks


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in topological order.

    Parameters
    ----------
    outputs
        Names of the tensors that leave the accelerator, each a node.
    weights
        Real arrays by ``<node>.weight`` and ``<node>.bias``.
    notes
        What the user should know about how it differs from the spec; sentences.
    """

    name: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    weights: Mapping[str, Real]
    notes: tuple[str, ...] = ()

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens that tensors can have, the longest first; none if all have their shape's."""
        return next((item.lengths for item in self.inputs if item.lengths), ())

    def node(self, name: str) -> Node:
        """Return the node of this name; KeyError if it is an input or unknown."""
        return {node.name: node for node in self.nodes}[name]

    def shape(self, name: str) -> Shape:
        """Return the shape of a tensor, input or node."""
        shapes = {item.name: item.shape for item in self.inputs}
        shapes |= {node.name: node.shape for node in self.nodes}
        return shapes[name]

    def node_weights(self, name: str) -> dict[str, Real]:
        """Return a node's arrays by their short names (``weight``, ``bias``)."""
        prefix = f"{name}."
        return {k.removeprefix(prefix): v for k, v in self.weights.items() if k.startswith(prefix)}

    def consumers(self, name: str) -> tuple[str, ...]:
        """Return the names of the nodes that read a tensor, in graph order."""
        return tuple(node.name for node in self.nodes if name in node.inputs)
