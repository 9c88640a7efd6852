"""What keeps linear layers whose operands come in blocks of 4 and 8 bits from their engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hwgen.errors import Diagnostic, SpecError
from hwgen.ops.blocks import weight_reach
from hwgen.plan.items import Item
from hwgen.spec.model import Accelerator

__all__ = ["check_blocks"]

_FITTING = {
    True: "weights: int4 and narrow: true, or int8 in twice the passes,",
    False: "weights: int8, for which the quantiser keeps to these,",
}
"""What an engine takes instead of weights of up to 4 bits, and of wider ones."""


def check_blocks(items: Sequence[Item], accelerator: Accelerator) -> None:
    """Refuse layers that no ``mac_array`` can run.

    Raises
    ------
    SpecError
        HG472 (a schedule without such an engine), HG477 (weights of up to 4 bits outside
        [-7, 7], wider ones outside [-112, 112]).
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
    lowered = item.node.lowered
    weight, kind = lowered.constants["weight"], lowered.weight_type
    assert kind is not None
    low, high, most = int(weight.min()), int(weight.max()), weight_reach(kind.bits)
    if low < -most or high > most:
        yield Diagnostic(
            "HG477",
            f"the weights of linear {item.name} reach from {low} to {high}, and the engine for "
            f"blocks of 4 and 8 bits multiplies int{kind.bits} weights from -{most} to {most}",
            accelerator.mark,
            f"{_FITTING[kind.bits <= 4]} in quantize, or mixed: false for this layer",
        )
