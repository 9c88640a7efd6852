"""The verifier of a qgraph: what every later stage relies on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hwgen.errors import SpecError
from hwgen.ops.arithmetic import bits_for
from hwgen.ops.base import Lowered, Shape
from hwgen.ops.blocks import WIDTHS, Blocks
from hwgen.ops.registry import get_op
from hwgen.ops.scaling import MAX_SHIFT
from hwgen.ops.types import QType, Requant
from hwgen.quant.model import QGraph, QNode

__all__ = ["acc_bits_of", "check_qgraph"]


def acc_bits_of(op: str, lowered: Lowered, shapes: list[Shape], types: list[QType]) -> int:
    """Return the width in bits of a signed accumulator for this node; 0 if it has none.

    It holds every sum, unless sums of this node may wrap.
    """
    if "wrap" in lowered.attrs:
        return int(lowered.attrs["wrap"])
    bounds = get_op(op).accumulator(lowered, shapes, types)
    return 0 if bounds is None else bits_for(*bounds)


def check_qgraph(qgraph: QGraph) -> None:
    """Check types, constants, accumulators and order of a qgraph.

    Raises
    ------
    SpecError
        HG308, with the first node that breaks a rule: a defect of the compiler, or of a
        ``qgraph.json`` edited by hand.
    """
    for problem in _problems(qgraph):
        raise SpecError("HG308", f"the qgraph breaks a rule: {problem}")


def _problems(qgraph: QGraph) -> Iterator[str]:
    types: dict[str, QType] = {}
    shapes: dict[str, Shape] = {}
    for item in qgraph.inputs:
        yield from _type_problems(item.name, item.type)
        types[item.name], shapes[item.name] = item.type, item.shape
    for node in qgraph.nodes:
        late = [name for name in node.inputs if name not in types]
        if late:
            yield f"{node.name} reads {late[0]} before it is computed"
            return
        yield from _type_problems(node.name, node.out.type)
        yield from _constant_problems(node)
        sources = [shapes[name] for name in node.inputs], [types[name] for name in node.inputs]
        bits = acc_bits_of(node.op, node.lowered, *sources)
        if bits != node.acc_bits:
            yield f"{node.name} has an accumulator of {node.acc_bits} bits, needs {bits}"
        if bits > get_op(node.op).max_acc_bits:
            yield f"{node.name} needs an accumulator of {bits} bits"
        types[node.name], shapes[node.name] = node.out.type, node.out.shape
    for name in qgraph.outputs:
        if name not in types:
            yield f"output {name} does not exist"


def _type_problems(name: str, kind: QType) -> Iterator[str]:
    if not 2 <= kind.bits <= 32:
        yield f"{name} has {kind.bits} bits"
    if not (np.isfinite(kind.scale) and kind.scale > 0):
        yield f"{name} has scale {kind.scale}"
    if not kind.low <= kind.zero_point <= kind.high:
        yield f"{name} has zero point {kind.zero_point}"


def _constant_problems(node: QNode) -> Iterator[str]:
    weight, kind = node.lowered.constants.get("weight"), node.lowered.weight_type
    if (weight is None) != (kind is None):
        yield f"{node.name} has weights without a type, or a type without weights"
    if weight is not None and kind is not None:
        if not 2 <= kind.bits <= 16:
            yield f"{node.name} has weights of {kind.bits} bits"
        if weight.size and not kind.low <= weight.min() <= weight.max() <= kind.high:
            yield f"{node.name} has weights outside {kind.bits} bits"
    blocks = Blocks.of(node.lowered.attrs, node.lowered.constants)
    if blocks is not None and weight is not None:
        yield from _block_problems(node.name, blocks, weight.shape[1])
    if node.lowered.requant is not None:
        yield from _requant_problems(node.name, node.lowered.requant, node.out.type)


def _block_problems(name: str, blocks: Blocks, channels: int) -> Iterator[str]:
    if sorted(blocks.order.tolist()) != list(range(channels)):
        yield f"{name} has an order that is none of its {channels} channels"
    if not len(blocks.bits) == len(blocks.shifts) == channels / blocks.size:
        yield f"{name} has {len(blocks.bits)} blocks of {blocks.size} channels, not {channels}"
    if not set(blocks.bits) <= set(WIDTHS) or min(blocks.shifts) < 0:
        yield f"{name} has blocks of {blocks.bits} bits, shifted by {blocks.shifts}"


def _requant_problems(name: str, requant: Requant, out: QType) -> Iterator[str]:
    if not 0 <= requant.shift <= MAX_SHIFT:
        yield f"{name} shifts by {requant.shift}"
    if requant.multiplier.min() < 0 or requant.multiplier.max() >= 1 << 16:
        yield f"{name} has a multiplier outside 16 bits"
    if not out.low <= requant.low <= requant.high <= out.high:
        yield f"{name} clamps to [{requant.low}, {requant.high}]"
