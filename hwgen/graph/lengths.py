"""Tensors of several lengths: which tensors have as many rows as the inputs have tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwgen.errors import Diagnostic
from hwgen.graph.model import Graph, Input, Node
from hwgen.ops import ParamError
from hwgen.ops.base import Shape
from hwgen.ops.registry import get_op
from hwgen.spec.model import InputSpec

__all__ = ["length_problems", "sequences"]


def sequences(graph: Graph) -> frozenset[str]:
    """Return the names of the tensors whose first axis counts the tokens of the inputs."""
    if not graph.lengths:
        return frozenset()
    shapes = _shapes(graph.inputs, graph.nodes, graph.lengths[-1])
    return frozenset(name for name, shape in shapes.items() if shape != graph.shape(name))


def length_problems(
    inputs: Sequence[InputSpec], nodes: Sequence[Node], *, streamed: bool = False
) -> list[Diagnostic]:
    """Return why tensors cannot have the lengths of the inputs.

    What reads a tensor with a row for each token has such a result, and nothing else follows from
    the tokens: HG436 for inputs of different lengths, HG437 for the first layer that breaks this,
    HG438 in a stream.
    """
    several = [item for item in inputs if item.lengths]
    if not several:
        return []
    if streamed:
        message = f"input {several[0].name!r} has lengths, and the chunks of a stream have one"
        return [Diagnostic("HG438", message, several[0].mark, "lengths, or stream")]
    for item in several[1:]:
        if item.lengths != several[0].lengths:
            message = (
                f"input {item.name!r} has lengths {list(item.lengths)}, and "
                f"{several[0].name!r} {list(several[0].lengths)}"
            )
            return [Diagnostic("HG436", message, item.mark, "the same lengths for both")]
    for node in nodes:
        if get_op(node.op).one_length:
            message = f"{node.op} {node.name!r} keeps rows from tensor to tensor"
            return [Diagnostic("HG437", message, node.mark, "leave out the lengths, or the layer")]
    plain = [Input(item.name, item.shape, item.lengths) for item in inputs]
    whole = {item.name: item.shape for item in inputs} | {node.name: node.shape for node in nodes}
    longest, *shorter = several[0].lengths
    for tokens in shorter:
        try:
            shapes = _shapes(plain, nodes, tokens)
        except _ShapeError as error:
            return [error.diagnostic(tokens)]
        for node in nodes:
            shape, full = shapes[node.name], whole[node.name]
            follows = any(shapes[name] != whole[name] for name in node.inputs)
            if (full[0], shape) != (longest, (tokens, *full[1:])) if follows else shape != full:
                message = (
                    f"layer {node.name!r} has results of shape {list(full)}, and of "
                    f"{list(shape)} with {tokens} tokens"
                )
                hint = "a row for each token, of as many features; or leave out the lengths"
                return [Diagnostic("HG437", message, node.mark, hint)]
    return []


class _ShapeError(Exception):
    """A layer that has no result for this many tokens."""

    def __init__(self, node: Node, error: ParamError) -> None:
        super().__init__(str(error))
        self.node = node
        self.hint = error.hint

    def diagnostic(self, tokens: int) -> Diagnostic:
        message = f"layer {self.node.name!r} with {tokens} tokens: {self}"
        return Diagnostic("HG437", message, self.node.mark, self.hint)


def _shapes(inputs: Sequence[Input], nodes: Sequence[Node], tokens: int) -> Mapping[str, Shape]:
    """Return the shape of every tensor if the inputs have so many tokens."""
    shapes = {
        item.name: (tokens, *item.shape[1:]) if item.lengths else item.shape for item in inputs
    }
    for node in nodes:
        try:
            sources = [shapes[name] for name in node.inputs]
            shapes[node.name] = get_op(node.op).shape(node.params, sources)
        except ParamError as error:
            raise _ShapeError(node, error) from None
    return shapes
