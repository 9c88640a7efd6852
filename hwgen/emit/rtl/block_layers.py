"""From tasks whose operands have 4 and 8 bits by blocks to layers on an array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwgen.ops import get_op
from hwgen.ops.base import Shape
from hwgen.ops.blocks import Blocks
from hwgen.ops.types import QType
from hwgen.ops.work import Work
from hwgen.plan.model import Fold
from hwgen.quant.model import QNode
from rtl_templates.arith.requantize import Scale
from rtl_templates.mac_array.geometry import Block, Geometry, Layer

__all__ = ["block_geometry", "block_layer"]


def block_layer(work: Work, node: QNode, shapes: Sequence[Shape], kind: QType) -> Layer:
    """Return a linear layer as the array takes it, its channels in stream order.

    Parameters
    ----------
    shapes, kind
        Shapes of the node's inputs, and the type of the codes.
    """
    lowered = node.lowered
    blocks, requant = Blocks.of(lowered.attrs, lowered.constants), lowered.requant
    assert blocks is not None
    assert requant is not None
    weights = get_op(node.op).stream_weights(lowered, shapes)[:, 0]
    outputs = len(weights)
    return Layer(
        tokens=work.row.count,
        weights=tuple(map(tuple, weights.tolist())),
        biases=tuple(lowered.constants["bias"].tolist()),
        multipliers=tuple(np.broadcast_to(requant.multiplier, outputs).tolist()),
        blocks=tuple(
            Block(block.elements, block.bits, shift, shift - blocks.unit)
            for block, shift in zip(work.blocks, blocks.shifts, strict=True)
        ),
        scale=Scale(requant.shift, requant.zero_point, requant.low, requant.high),
        signed=kind.signed,
        digits=work.digits,
    )


def block_geometry(layer: Layer, fold: Fold) -> Geometry:
    """Return a layer on an array of a fold."""
    return Geometry(layer, fold.rows, fold.outputs // 2, fold.lanes, fold.reads)
