"""A qgraph whose tensors have several lengths, which share types, scales and constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.registry import get_op
from hwgen.quant.model import QGraph, QTensor

__all__ = ["at_length", "blank", "cut", "lengths_of"]


def lengths_of(qgraph: QGraph) -> tuple[int, ...]:
    """Return the lengths of a qgraph's tensors; one of 0 tokens if there is nothing to choose."""
    return qgraph.lengths or (0,)


def at_length(qgraph: QGraph, tokens: int) -> QGraph:
    """Return the qgraph for tensors of so many tokens; itself for 0 and for the longest.

    Examples
    --------
    >>> from hwgen.ops.types import QType
    >>> x = QTensor("x", (8, 4), QType(8, True, 1.0), sequence=True)
    >>> at_length(QGraph("n", (x,), (), (), lengths=(8, 1)), 1).tensor("x").shape
    (1, 4)
    """
    if not tokens or tokens == qgraph.lengths[0]:
        return qgraph
    shapes = {tensor.name: _resized(tensor, tokens) for tensor in qgraph.inputs}
    nodes = []
    for node in qgraph.nodes:
        sources = [shapes[name].shape for name in node.inputs]
        lowered = get_op(node.op).resized(node.lowered, sources)
        shapes[node.name] = _resized(node.out, tokens)
        nodes.append(replace(node, lowered=lowered, out=shapes[node.name]))
    inputs = tuple(shapes[tensor.name] for tensor in qgraph.inputs)
    return replace(qgraph, inputs=inputs, nodes=tuple(nodes), lengths=())


def cut(tensor: QTensor, codes: Int, tokens: int) -> Int:
    """Return the codes (n, *shape) of tensors of so many tokens without the rows that fill up."""
    return codes[:, :tokens] if tensor.sequence else codes


def blank(tensor: QTensor, codes: Int, tokens: Int) -> Int:
    """Return the codes with zeros in the rows beyond each tensor's tokens."""
    if not tensor.sequence:
        return codes
    counts = np.arange(codes.shape[1]) < tokens[:, None]
    return codes * counts.reshape(*counts.shape, *[1] * (codes.ndim - 2))


def _resized(tensor: QTensor, tokens: int) -> QTensor:
    if not tensor.sequence:
        return tensor
    return replace(tensor, shape=(tokens, *tensor.shape[1:]))
