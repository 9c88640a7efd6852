"""What ops that keep positions share: shape checks and the layout of rows of channels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from hwgen.ops.base import ParamError, Shape, channel_axis
from hwgen.ops.work import Loop, Port, Work

__all__ = ["pointwise_work", "rows_of", "same_shape"]


def rows_of(shape: Shape) -> Port:
    """Return an image as height * width rows of its channels, a sequence as its own rows.

    A vector is one row.
    """
    axis = channel_axis(shape)
    return Port(prod(shape) // shape[axis], shape[axis])


def same_shape(op: str, inputs: Sequence[Shape]) -> Shape:
    """Return the one shape of all inputs.

    Raises
    ------
    ParamError
        If they differ.
    """
    for shape in inputs[1:]:
        if shape != inputs[0]:
            raise ParamError(
                f"{op} needs inputs of one shape, got {list(inputs[0])} and {list(shape)}",
                key="in",
                hint=f"every input of shape {list(inputs[0])}",
            )
    return inputs[0]


def pointwise_work(kind: str, inputs: Sequence[Shape]) -> Work:
    """Return work that maps each element to one result at the same place."""
    ports = tuple(rows_of(shape) for shape in inputs)
    return Work(
        kind=kind,
        ports=ports,
        row=Loop(ports[0].rows, dy=1),
        column=Loop(1),
        channel=Loop(ports[0].row, dx=1),
    )
