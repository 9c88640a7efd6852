"""Which multipliers the engines have that multiply by weights: plain, or packed for a family."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from hwgen.errors import SpecError
from hwgen.ops.arithmetic import Int
from hwgen.ops.registry import get_op
from hwgen.plan.items import Item
from hwgen.plan.model import Engine, Multiplier, Plan
from hwgen.quant.model import QGraph
from hwgen.spec.model import Accelerator
from rtl_templates.packing.forms import vector_form
from rtl_templates.packing.lanes import Range

__all__ = [
    "MOST_WEIGHTS",
    "PORTS",
    "activations_of",
    "digits",
    "fabric",
    "in_tables",
    "needed",
    "runs_out",
    "saving",
    "share_of",
    "weights_of",
    "with_multipliers",
]

PORTS = {
    "ecp5": (18, 18),
    "gowin": (18, 18),
    "ice40": (16, 16),
    "nexus": (18, 18),
    "xilinx": (25, 18),
    "xcup": (27, 18),
}
"""Widths of the signed ports of a family's multiplier: MULT18X18D, MULT18X18, SB_MAC16, MULT18X18,
DSP48E1 and DSP48E2, each in the vendor's guide to it."""


MOST_WEIGHTS = 16
"""Weights of one multiplier at most."""


def share_of(items: Sequence[Item], qgraph: QGraph, accelerator: Accelerator) -> int:
    """Return how many outputs' weights can share a multiplier: 1 if none are to be packed."""
    packed = accelerator.multiplier in ("packed", "polynomial")
    if not packed or accelerator.family is None or not items:
        return 1
    x, w = activations_of(items), weights_of(items, qgraph)
    form = vector_form(x, w, PORTS[accelerator.family], MOST_WEIGHTS)
    return 1 if form is None else int(form.counts[1])


def runs_out(plan: Plan, accelerator: Accelerator) -> bool:
    """Return whether a device has too few multipliers, and may choose others."""
    return (
        accelerator.multiplier == "auto"
        and accelerator.family is not None
        and accelerator.parts is not None
        and needed(plan) > accelerator.parts
    )


def with_multipliers(
    plan: Plan, qgraph: QGraph, items: Sequence[Item], accelerator: Accelerator
) -> Plan:
    """Return the plan with the multipliers of its ``mac`` engines; no cycle changes.

    Raises
    ------
    SpecError
        HG480, if multipliers are to be packed and nobody says for which family.
    """
    if accelerator.multiplier in ("packed", "polynomial") and accelerator.family is None:
        raise SpecError(
            "HG480",
            f"multiplier: {accelerator.multiplier}, but neither board nor family say what a "
            "multiplier holds",
            where=accelerator.mark,
            hint=f"family: one of {', '.join(PORTS)}",
        )
    kind, family = accelerator.multiplier, accelerator.family
    if kind in ("packed", "polynomial") and family is not None:
        return _with(plan, _packed, qgraph, items, PORTS[family])
    return _with(plan, _lut, qgraph, items) if kind == "lut" else plan


def needed(plan: Plan) -> int:
    """Return the multipliers of a device that a plan takes; the requantiser of a lane is one."""
    return plan.hard_multipliers + sum(engine.fold.lanes for engine in plan.engines)


def _with(
    plan: Plan,
    change: Callable[..., Engine],
    qgraph: QGraph,
    items: Sequence[Item],
    *more: object,
    names: Container[str] | None = None,
) -> Plan:
    """Return a plan with some ``mac`` engines (all by default) changed, for each length."""
    engines = []
    for engine in plan.engines:
        if engine.template == "mac" and (names is None or engine.name in names):
            nodes = {task.node for task in plan.tasks if task.engine == engine.name}
            mine = [item for item in items if item.name in nodes]
            engine = change(engine, activations_of(mine), weights_of(mine, qgraph), *more)
        engines.append(engine)
    shorter = tuple(replace(one, engines=tuple(engines)) for one in plan.shorter)
    return replace(plan, engines=tuple(engines), shorter=shorter)


def _packed(engine: Engine, x: Range, w: Range, ports: tuple[int, int]) -> Engine:
    """Return an engine whose multipliers hold as many weights as they can, if more than one."""
    if engine.fold.samples > 1:
        return engine
    form = vector_form(x, w, ports, engine.fold.outputs)
    if form is None:
        return engine
    multiplier = Multiplier(
        "packed", form.counts[1], form.lanes.pitch, (x.low, x.high), (w.low, w.high)
    )
    digit = Range(w.low - 1, w.high)
    return replace(engine, multiplier=multiplier, weight_bits=max(2, digit.bits))


def _lut(engine: Engine, x: Range, w: Range) -> Engine:
    """Return an engine that takes no multiplier for its products."""
    multiplier = Multiplier("lut", x=(x.low, x.high), w=(w.low, w.high))
    bits = max(2, Range(min(w.low, -1), w.high).bits)
    return replace(engine, multiplier=multiplier, weight_bits=bits)


def saving(plan: Plan, qgraph: QGraph, items: Sequence[Item], parts: int) -> Plan:
    """Return a plan with as few engines in lookup tables as the device asks for.

    Those with the narrowest products first, as they take the fewest tables for each multiplier;
    none that takes several samples at a time, which tables would multiply one by one.
    """
    engines = [e for e in plan.engines if e.template == "mac" and e.fold.samples == 1]
    for engine in sorted(engines, key=lambda engine: engine.in_bits * engine.weight_bits):
        if needed(plan) <= parts:
            break
        plan = _with(plan, _lut, qgraph, items, names={engine.name})
    return plan


def in_tables(plan: Plan) -> int:
    """Return the products of a cycle that take lookup tables."""
    return sum(e.multipliers for e in plan.engines if e.multiplier.kind == "lut")


def fabric(plan: Plan) -> int:
    """Return about how many lookup tables the engines that multiply by weights take.

    Operands and accumulators of a product take about five for each bit of its operands, however it
    is multiplied, and a product in tables about 7/5 for each pair of bits more (docs/packing.md).
    """
    total = 0
    for engine in plan.engines:
        if engine.template == "mac":
            bits = engine.in_bits, engine.weight_bits
            pairs = prod(bits) if engine.multiplier.kind == "lut" else 0
            total += engine.multipliers * (25 * sum(bits) + 7 * pairs)
    return total // 5


def activations_of(items: Sequence[Item]) -> Range:
    """Return the range of the activations of all these nodes."""
    kinds = [kind for item in items for kind in item.types]
    return Range(min(kind.low for kind in kinds), max(kind.high for kind in kinds))


def weights_of(items: Sequence[Item], qgraph: QGraph) -> Range:
    """Return the range of the weights that there are, and of the zeros that fill words."""
    ends = [0]
    for item in items:
        shapes = [qgraph.tensor(name).shape for name in item.node.inputs]
        codes = get_op(item.node.op).stream_weights(item.node.lowered, shapes)
        ends += [int(codes.min()), int(codes.max())]
    return Range(min(ends), max(ends))


def digits(codes: Int, axis: int, multiplier: Multiplier) -> Int:
    """Return what the weight memory holds: of packed weights, each less the borrow of those before.

    So a port of the multiplier is their concatenation, each extended to the pitch.

    Parameters
    ----------
    codes
        Weights, filled up with zeros.
    axis
        Outputs of a group.
    """
    if multiplier.kind != "packed":
        return codes
    rows = np.moveaxis(codes.copy(), axis, 0)
    for k in range(len(rows)):
        if k % multiplier.weights:
            rows[k] -= rows[k - 1] < 0
    return np.moveaxis(rows, 0, axis)
