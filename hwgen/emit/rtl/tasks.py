"""From nodes and tasks to the constants of the engines."""

from __future__ import annotations

from hwgen.ops.arithmetic import bits_for
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Work
from hwgen.plan.model import Fold
from hwgen.quant.model import QGraph, QNode
from rtl_templates.arith.requantize import Scale
from rtl_templates.mac.mac_core import MacTask
from rtl_templates.memory.walk import Walk
from rtl_templates.vector.vector_core import VectorTask

__all__ = ["input_types", "mac_task", "multiplier_bits", "vector_acc_bits", "vector_task"]


def input_types(qgraph: QGraph, node: QNode) -> tuple[QType, ...]:
    """Return the types of a node's inputs."""
    return tuple(qgraph.tensor(name).type for name in node.inputs)


def multiplier_bits(requant: Requant) -> int:
    """Return the width of the widest multiplier."""
    return max(1, int(requant.multiplier.max()).bit_length())


def mac_task(
    node: QNode, x: QType, work: Work, fold: Fold, walk: Walk, weights: int, channels: int
) -> MacTask:
    """Return a node's constants; ``weights`` and ``channels`` are its first memory words."""
    requant = _requant(node)
    last = work.outputs % fold.outputs or min(fold.outputs, work.outputs)
    return MacTask(
        walk=walk,
        signed=x.signed,
        pad=work.pad,
        scale=_scale(requant),
        weights=weights,
        channels=(channels, work.channel.count * work.outputs // fold.lanes),
        beats=min(fold.outputs, work.outputs) // fold.lanes,
        last_beats=last // fold.lanes,
    )


def vector_task(node: QNode, kind: str, types: tuple[QType, ...], port: int | None) -> VectorTask:
    """Return a node's constants; ``port`` picks one input of a sequential concat."""
    signed = tuple(item.signed for item in types)
    requant = node.lowered.requant
    core = {"max": "max", "argmax": "argmax"}.get(kind, "scale")
    if requant is None:
        out = node.out.type
        scale = Scale(0, 0, out.low, out.high)
        ones = (1,) * len(types)
        return VectorTask(core, signed, ones, (0,) * len(types), scale)
    scale = _scale(requant)
    factors = [int(value) for value in requant.multiplier]
    offsets = [int(value) + scale.half for value in requant.offset]
    if requant.identity:
        scale = Scale(0, requant.zero_point, requant.low, requant.high)
        factors, offsets = [1] * len(factors), [0] * len(offsets)
    factors = factors * len(types) if len(factors) == 1 else factors
    offsets = offsets * len(types) if len(offsets) == 1 else offsets
    if port is not None:
        signed, factors, offsets = signed[port : port + 1], [factors[port]], [offsets[port]]
    return VectorTask(core, signed, tuple(factors), tuple(offsets), scale)


def vector_acc_bits(task: VectorTask, types: tuple[QType, ...], work: Work) -> int:
    """Return the width of an accumulator that holds every sum of the task, by intervals."""
    low = high = 0
    for port, item in enumerate(types):
        ends = [item.low * task.multipliers[port], item.high * task.multipliers[port]]
        low, high = low + min(ends), high + max(ends)
    if task.kind == "scale" and work.kind not in ("add", "concat"):
        low, high = low * work.segments, high * work.segments
    bounds = [0, low, high]
    bounds += [end + offset for end in (low, high) for offset in task.offsets]
    bounds += list(task.offsets)
    return bits_for(min(bounds), max(bounds))


def _requant(node: QNode) -> Requant:
    assert node.lowered.requant is not None, f"{node.name} has no requantisation"
    return node.lowered.requant


def _scale(requant: Requant) -> Scale:
    return Scale(requant.shift, requant.zero_point, requant.low, requant.high)
