"""What a plan keeps on chip, in bits, and whether that is within the budget.

Counted: weights with the zeros that pad their words, bias and multiplier of each output channel,
the elements of window buffers (once per kernel row that is read at once) and of the shared buffer,
and the beats of output FIFOs.  Not counted: registers of the pipelines.
"""

from __future__ import annotations

from hwgen.errors import LimitError, Mark
from hwgen.plan.cost import groups_of, steps_of
from hwgen.plan.model import Plan

__all__ = ["check_onchip", "fits_onchip", "onchip_bits"]

MULTIPLIER_BITS = 16
"""Width of a requantisation multiplier: see docs/arithmetic.md."""


def onchip_bits(plan: Plan) -> dict[str, int]:
    """Return the bits of ``weights``, ``channels`` (bias, multiplier), ``buffers``, ``fifos``."""
    engines = {engine.name: engine for engine in plan.engines}
    weights = channels = 0
    for task in plan.tasks:
        engine = engines[task.engine]
        if engine.template == "mac":
            words = groups_of(task.work, engine.fold) * steps_of(task.work, engine.fold)
            weights += words * engine.fold.multipliers * engine.weight_bits
            bits = engine.acc_bits + MULTIPLIER_BITS
            channels += task.work.channel.count * task.work.outputs * bits
    buffers = sum(buffer.elements * buffer.bits for buffer in plan.buffers)
    for channel in plan.channels:
        if channel.sink:
            buffers += channel.depth * channel.bits * engines[channel.sink].fold.rows
    fifos = sum(e.out_depth * e.fold.lanes * e.out_bits for e in plan.engines)
    return {"weights": weights, "channels": channels, "buffers": buffers, "fifos": fifos}


def fits_onchip(plan: Plan, budget: int | None) -> bool:
    """Return whether a plan keeps within a budget of KiB (None: no limit)."""
    return budget is None or sum(onchip_bits(plan).values()) <= budget * 8192


def check_onchip(plan: Plan, budget: int | None, where: Mark) -> None:
    """Refuse a plan that needs more on-chip memory than the budget of KiB.

    Raises
    ------
    LimitError
        HG408, with the sum and its parts.
    """
    parts = onchip_bits(plan)
    total = sum(parts.values())
    if not fits_onchip(plan, budget):
        shown = ", ".join(f"{name} {bits / 8192:.1f}" for name, bits in parts.items())
        raise LimitError(
            "HG408",
            f"the plan keeps {total / 8192:.1f} KiB on chip ({shown}), but onchip_kib is {budget}",
            where=where,
            hint=f"onchip_kib: {-(-total // 8192)} or more, narrower codes, or "
            + ("schedule: sequential" if plan.schedule == "dataflow" else "schedule: dataflow"),
        )
