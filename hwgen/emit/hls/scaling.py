"""The scaling of a node as C++ constants."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.ops.types import QType, Requant
from hwgen.quant.model import QNode

__all__ = ["Factor", "Scaling", "factor", "passing", "scaling"]


@dataclass(frozen=True)
class Scaling:
    """``hwgen::scaling``: what all channels share."""

    shift: int
    zero_point: int
    low: int
    high: int

    def __str__(self) -> str:
        return f"{{{self.shift}, {self.zero_point}, {self.low}, {self.high}}}"


@dataclass(frozen=True)
class Factor:
    """Multiplier and offset of one input."""

    multiplier: int
    offset: int


def scaling(node: QNode) -> Scaling:
    """Return the scaling of a node; codes that pass through only meet their type's limits."""
    requant = node.lowered.requant
    if requant is None:
        return passing(node.out.type)
    return Scaling(requant.shift, requant.zero_point, requant.low, requant.high)


def passing(kind: QType) -> Scaling:
    """Return the scaling of codes of a type that stay as they are."""
    return Scaling(0, 0, kind.low, kind.high)


def factor(node: QNode, port: int) -> Factor:
    """Return multiplier and offset of the elements of one input."""
    requant = node.lowered.requant
    if requant is None:
        return Factor(1, 0)
    return Factor(_at(requant, "multiplier", port), _at(requant, "offset", port))


def _at(requant: Requant, name: str, port: int) -> int:
    values = getattr(requant, name)
    return int(values[port if values.size > 1 else 0])
