"""A node of the qgraph with its work, and the widths that an engine for it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hwgen.ops.registry import get_op
from hwgen.ops.types import QType
from hwgen.ops.work import Work
from hwgen.plan.cost import PRODUCTS, template_of
from hwgen.plan.model import Engine, Fold
from hwgen.quant.model import QGraph, QNode

__all__ = ["Item", "engine_for", "items_of", "operand", "shared_weights"]


@dataclass(frozen=True, eq=False)
class Item:
    """A node, its work, the types of its inputs, and the template of the engine that runs it."""

    node: QNode
    work: Work
    types: tuple[QType, ...]
    template: str

    @property
    def name(self) -> str:
        """Name of the node."""
        return self.node.name


def items_of(qgraph: QGraph) -> tuple[Item, ...]:
    """Return the nodes in graph order with their work.

    Where the graph multiplies activations by activations there is an array, and linear layers
    run on it.
    """
    found = []
    for node in qgraph.nodes:
        inputs = [qgraph.tensor(name) for name in node.inputs]
        types = tuple(tensor.type for tensor in inputs)
        work = get_op(node.op).work(node.lowered, [tensor.shape for tensor in inputs], types)
        found.append((node, work, types))
    array = any(work.kind in PRODUCTS for _, work, _ in found)
    return tuple(
        Item(node, work, types, template_of(work, array=array)) for node, work, types in found
    )


def shared_weights(items: Iterable[Item]) -> dict[str, str]:
    """Return the earlier node with the same weights and biases, of those that have one.

    Of the ``mac`` engine: a layer that works on several tensors, as at the ends of windows.
    """
    first: dict[object, str] = {}
    found = {}
    for item in items:
        lowered, work = item.node.lowered, item.work
        if item.template != "mac" or lowered.requant is None:
            continue
        arrays = (*lowered.constants.values(), lowered.requant.multiplier)
        loops = (work.sets, work.channel.count, work.outputs, work.reduce, work.elements)
        key = (loops, tuple((array.shape, array.tobytes()) for array in arrays))
        same = first.setdefault(key, item.name)
        if same != item.name:
            found[item.name] = same
    return found


def operand(types: Iterable[QType]) -> tuple[int, bool]:
    """Return width in bits and signedness of an operand that holds every type's codes.

    Unsigned codes among signed ones need one more bit.

    Examples
    --------
    >>> operand([QType(8, False, 1.0), QType(4, True, 1.0)])
    (9, True)
    """
    kinds = tuple(types)
    is_signed = any(kind.signed for kind in kinds)
    return max(kind.bits + (is_signed and not kind.signed) for kind in kinds), is_signed


def engine_for(
    name: str,
    template: str,
    items: Sequence[Item],
    fold: Fold,
    out_depth: int,
    copied: Sequence[QType] = (),
) -> Engine:
    """Return an engine that is wide enough for all the items, and for codes that it copies."""
    in_bits, in_signed = operand([*(kind for item in items for kind in item.types), *copied])
    weights = [item.node.lowered.weight_type for item in items]
    return Engine(
        name=name,
        template=template,
        fold=fold,
        in_bits=in_bits,
        in_signed=in_signed,
        weight_bits=max((kind.bits for kind in weights if kind), default=0),
        acc_bits=max((item.node.acc_bits for item in items), default=0),
        out_bits=max([*(item.node.out.type.bits for item in items), *(k.bits for k in copied)]),
        out_depth=out_depth,
    )
