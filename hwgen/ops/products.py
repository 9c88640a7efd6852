"""What ops that multiply two activations share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

from hwgen.ops.base import Lowered, ParamError, Shape
from hwgen.ops.types import QType
from hwgen.ops.work import Attend

__all__ = ["attend_attrs", "attend_of", "expect_operands", "expect_sequence"]

OPERAND_BITS = 16
"""Width of the array's operands, two's complement."""


def expect_sequence(op: str, name: str, shape: Shape) -> tuple[int, int]:
    """Return ``shape`` as (tokens, features).

    Raises
    ------
    ParamError
        If it is no sequence.
    """
    if len(shape) != 2:
        raise ParamError(
            f"{op} needs {name} of shape (tokens, features), got {list(shape)}",
            key="in",
            hint="an input of the model is one with shape: [tokens, features]",
        )
    return shape[0], shape[1]


def expect_operands(
    op: str, names: Sequence[str], types: Sequence[QType], bits: int = OPERAND_BITS
) -> None:
    """Check that codes are factors as they are.

    Raises
    ------
    ParamError
        If a type has a zero point, or codes outside two's complement of ``bits``.
    """
    largest = 1 << (bits - 1)
    for name, kind in zip(names, types, strict=True):
        if kind.zero_point:
            raise ParamError(
                f"{op} needs {name} with zero point 0, not {kind.zero_point}",
                hint=f"symmetric: true for the layer that computes {name}",
            )
        if kind.low < -largest or kind.high >= largest:
            sign = "signed" if kind.signed else "unsigned"
            raise ParamError(
                f"{op} needs {name} with codes from {-largest} to {largest - 1}, "
                f"not {sign} {kind.bits}-bit ones",
                hint=f"activations: int{bits if kind.signed else bits - 1} or "
                f"narrower for the layer that computes {name}",
            )


def attend_attrs(attend: Attend) -> dict[str, int | bool]:
    """Return the products as attributes of a node."""
    return asdict(attend)


def attend_of(lowered: Lowered) -> Attend:
    """Return the products that :func:`attend_attrs` wrote down."""
    return Attend(**{item.name: lowered.attrs[item.name] for item in fields(Attend)})
