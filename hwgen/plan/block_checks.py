"""What keeps linear layers whose operands come in blocks of 4 and 8 bits from their engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hwgen.errors import Diagnostic, SpecError
from hwgen.plan.items import Item
from hwgen.spec.model import Accelerator

__all__ = ["check_blocks"]

_MOST = 7
"""Largest magnitude of a weight, of which a multiplier of 18 bits holds two by two operands."""


def check_blocks(items: Sequence[Item], accelerator: Accelerator) -> None:
    """Refuse layers that no ``mac_array`` can run.

    Raises
    ------
    SpecError
        HG472 (a schedule without such an engine), HG477 (weights outside [-7, 7]).
    """
    mixed = [item for item in items if item.work.blocks]
    if accelerator.schedule != "sequential":
        found = [_no_engine(item, accelerator) for item in mixed]
    else:
        found = [problem for item in mixed for problem in _wide_weights(item, accelerator)]
    if found:
        raise SpecError.of(found)


def _no_engine(item: Item, accelerator: Accelerator) -> Diagnostic:
    return Diagnostic(
        "HG472",
        f"linear {item.name} reads blocks of 4 and 8 bits, for which schedule "
        f"{accelerator.schedule} has no engine",
        accelerator.mark,
        "schedule: sequential, or mixed: false",
    )


def _wide_weights(item: Item, accelerator: Accelerator) -> Iterator[Diagnostic]:
    weight = item.node.lowered.constants["weight"]
    low, high = int(weight.min()), int(weight.max())
    if low < -_MOST or high > _MOST:
        yield Diagnostic(
            "HG477",
            f"the weights of linear {item.name} reach from {low} to {high}, and the engine for "
            f"blocks of 4 and 8 bits multiplies weights from -{_MOST} to {_MOST}",
            accelerator.mark,
            "weights: int4 and narrow: true in quantize, or mixed: false for this layer",
        )
