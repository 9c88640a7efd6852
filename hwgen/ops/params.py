"""Types of spec keys that several ops share, and how they become pairs of integers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hwgen.ops.base import ParamError

__all__ = [
    "MAX_SIZE",
    "Activation",
    "Count",
    "Pads",
    "Pair",
    "Size2d",
    "expect_image",
    "expect_sequence",
    "pair",
]

MAX_SIZE = 65536
"""Largest value of a size key; keeps every product of two of them inside 48 bits."""

Count = Annotated[int, Field(ge=1, le=MAX_SIZE)]
"""A number of channels, features or groups."""

Size2d = Count | Annotated[list[Count], Field(min_length=2, max_length=2)]
"""One size for both axes, or ``[height, width]``."""

Activation = Literal["none", "relu"]

Pair = tuple[int, int]
"""(height, width)."""

Pads = tuple[Pair, Pair]
"""((top, bottom), (left, right)) in elements of one channel."""


def pair(size: int | list[int]) -> Pair:
    """Return ``(height, width)`` of a size key.

    Examples
    --------
    >>> pair(3), pair([1, 2])
    ((3, 3), (1, 2))
    """
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def expect_image(op: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return ``shape`` as (channels, height, width).

    Raises
    ------
    ParamError
        If it is not three-dimensional.
    """
    if len(shape) != 3:
        raise ParamError(
            f"{op} needs an input of shape (channels, height, width), got {list(shape)}",
            hint=f"{op} reads an image; linear, relu, add, concat and requantize read any shape",
        )
    return shape[0], shape[1], shape[2]


def expect_sequence(op: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return ``shape`` as (tokens, features).

    Raises
    ------
    ParamError
        If it is not two-dimensional.
    """
    if len(shape) != 2:
        raise ParamError(
            f"{op} needs an input of shape (tokens, features), got {list(shape)}",
            hint=f"{op} reads a sequence; linear, relu, add, concat and requantize read any shape",
        )
    return shape[0], shape[1]
