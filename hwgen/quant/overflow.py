"""Accumulators that the user made narrower than their sums can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwgen.errors import Diagnostic
from hwgen.graph.model import Node
from hwgen.ops.arithmetic import Int, wrap
from hwgen.ops.base import Lowered
from hwgen.ops.types import Requant
from hwgen.quant.execute import integer_node
from hwgen.spec.model import Accumulator

__all__ = ["overflow_note", "overflow_problem", "wrapping"]

_AS_IT_IS = Requant(
    multiplier=np.ones(1, np.int64),
    shift=0,
    zero_point=0,
    low=-(1 << 62),
    high=1 << 62,
    offset=np.zeros(1, np.int64),
)


def overflow_problem(node: Node, needed: int, fixed: Accumulator) -> Diagnostic:
    """Return what is wrong with an accumulator that may not overflow: HG473."""
    message = (
        f"{node.op} {node.name} can have sums of {needed} bits, and its accumulator is fixed at "
        f"{fixed.bits}"
    )
    hint = (
        f"accumulator: {{bits: {needed}}}, fewer bits for {node.name} or its inputs, or "
        f"overflow: wrap"
    )
    return Diagnostic("HG473", message, node.mark, hint)


def wrapping(lowered: Lowered, bits: int) -> Lowered:
    """Return a node whose sums wrap; its bias is within the accumulator, which changes no sum."""
    bias = wrap(lowered.constants["bias"], bits)
    return replace(
        lowered,
        attrs={**lowered.attrs, "wrap": bits},
        constants={**lowered.constants, "bias": bias},
    )


def overflow_note(
    node: Node, lowered: Lowered, inputs: Sequence[Int], needed: int, bits: int
) -> str:
    """Return how often sums wrap on the calibration data, and how far they reach.

    Parameters
    ----------
    lowered
        Before it is :func:`wrapping`.
    inputs
        Codes of the calibration data.
    """
    sums = integer_node(node.op, replace(lowered, requant=_AS_IT_IS), inputs)
    wrong = int(np.sum(wrap(sums, bits) != sums))
    limit = 1 << (bits - 1)
    return (
        f"{node.name} has an accumulator of {bits} bits, {needed} would hold every sum: {wrong} of "
        f"{sums.size} sums ({wrong / sums.size:.3%}) on the calibration data are outside "
        f"{-limit} to {limit - 1} and wrap; they reach from {sums.min()} to {sums.max()}."
    )
