"""From nodes and tasks to the constants of the engines."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwgen.ops.arithmetic import Int, bits_for
from hwgen.ops.base import Lowered
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Work
from hwgen.plan.cost import group_beats, side_of
from hwgen.plan.model import Fold, Multiplier
from hwgen.plan.runs import line_of, runs_of
from hwgen.quant.model import QGraph, QNode
from rtl_templates.arith.requantize import Scale
from rtl_templates.mac.mac_core import MacTask
from rtl_templates.mac.polynomial_core import PolynomialTask
from rtl_templates.memory.walk import Walk
from rtl_templates.packing.forms import matrix_form
from rtl_templates.packing.lanes import Range
from rtl_templates.vector.rows import RowTable
from rtl_templates.vector.turns import Turn
from rtl_templates.vector.vector_core import VectorTask

__all__ = [
    "by_raw_bits",
    "input_types",
    "mac_task",
    "multiplier_bits",
    "polynomial_task",
    "products_of",
    "vector_acc_bits",
    "vector_task",
]


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
    beats = group_beats(work, fold)
    return MacTask(
        walk=walk,
        signed=x.signed,
        pad=work.pad,
        scale=_scale(requant),
        weights=weights,
        channels=(channels, work.sets * work.channel.count * work.outputs // fold.lanes),
        beats=beats[0],
        last_beats=beats[-1],
        side=side_of(work, fold),
    )


def products_of(multiplier: Multiplier) -> dict[str, Any]:
    """Return what a :class:`MacShape` says about its multipliers."""
    x, w = Range(*multiplier.x), Range(*multiplier.w)
    match multiplier.kind:
        case "packed":
            return {"form": matrix_form(x, w, (1, multiplier.weights), multiplier.pitch)}
        case "lut":
            return {"lut": x}
    return {}


def polynomial_task(node: QNode, work: Work, fold: Fold, walk: Walk) -> PolynomialTask:
    """Return the constants of a node whose engine takes several samples at a time."""
    line = line_of(work)
    assert line is not None
    return PolynomialTask(walk, line.level, runs_of(work, fold), work.pad, _scale(_requant(node)))


def vector_task(
    node: QNode,
    kind: str,
    types: tuple[QType, ...],
    port: int | None,
    tokens: int | tuple[int, ...],
) -> VectorTask:
    """Return a node's constants.

    Parameters
    ----------
    port
        Picks one input of a sequential concat.
    tokens
        Rows of the node's tensor, for each length that it can have; 1 of a tensor without.
    """
    signed = tuple(item.signed for item in types)
    match kind:
        case "table":
            return _passing(node, "table", signed, table=by_raw_bits(node.lowered, types[0]))
        case "gather":
            return _passing(node, "rows", signed, rows=_rows(node), count=tokens)
        case "mul":
            return _scaled(node, "product", signed, zeros=node.lowered.attrs["zeros"])
        case "rope":
            zeros = (node.lowered.attrs["zero"],)
            return _scaled(node, "turn", signed, zeros=zeros, turn=_turn(node, tokens))
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


def by_raw_bits(lowered: Lowered, kind: QType) -> tuple[int, ...]:
    """Return the results of a table op by the raw bits of a code, zeros where there is none."""
    words = [0] * (1 << kind.bits)
    for code, result in enumerate(lowered.constants["table"].tolist(), start=kind.low):
        words[code % len(words)] = result
    return tuple(words)


def _passing(node: QNode, kind: str, signed: tuple[bool, ...], **more: Any) -> VectorTask:
    """Return the task of a node whose results leave as they are looked up."""
    out = node.out.type
    return VectorTask(kind, signed, (1,), (0,), Scale(0, 0, out.low, out.high), **more)


def _scaled(node: QNode, kind: str, signed: tuple[bool, ...], **more: Any) -> VectorTask:
    """Return the task of a node with one multiplier, whose every step starts from a half."""
    requant = _requant(node)
    scale = _scale(requant)
    halves = (scale.half,) * len(signed)
    factors = (int(requant.multiplier[0]),) * len(signed)
    return VectorTask(kind, signed, factors, halves, scale, **more)


def _rows(node: QNode) -> RowTable:
    attrs, constants = node.lowered.attrs, node.lowered.constants
    empty = np.zeros((0, 0), dtype=np.int64)
    return RowTable(
        rows=_nested(constants["table"]),
        positions=_nested(constants.get("position", empty)),
        low=attrs["low"],
        high=attrs["high"],
    )


def _nested(rows: Int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in rows.tolist())


def _turn(node: QNode, tokens: int | tuple[int, ...]) -> Turn:
    attrs = node.lowered.attrs
    return Turn(
        steps=attrs["steps"],
        sine=tuple(node.lowered.constants["sine"].tolist()),
        tokens=tokens,
        heads=attrs["heads"],
        start=attrs["start"],
        limit=attrs["limit"],
        running=attrs["running"],
        interleaved=attrs["style"] == "interleaved",
    )


def vector_acc_bits(node: QNode, task: VectorTask, types: tuple[QType, ...], work: Work) -> int:
    """Return the width of an accumulator that holds every sum of the task, by intervals."""
    if task.kind in ("product", "turn"):
        return node.acc_bits
    if task.kind in ("table", "rows"):
        return bits_for(node.out.type.low, node.out.type.high)
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
