"""What ops that look at a whole row share: the channels of one place, and their work."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real, Shape
from hwgen.ops.elementwise import rows_of
from hwgen.ops.work import Loop, Work

__all__ = ["channels_last", "row_work", "shift_each"]

Batch = TypeVar("Batch", Int, Real)


def channels_last(batch: Batch) -> Batch:
    """Return samples with their channels on the last axis; calling it again turns them back.

    An image (channels, height, width) becomes (width, height, channels); other shapes stay.
    """
    return batch.swapaxes(1, 3) if batch.ndim == 4 else batch


def shift_each(value: Int, shift: Int) -> Int:
    """Return ``round_shift`` with a shift per element."""
    half = (np.int64(1) << shift) >> 1
    shifted: Int = (value + half) >> shift
    return shifted


def row_work(kind: str, shape: Shape) -> Work:
    """Return work that maps each row of channels to a row of as many results."""
    port = rows_of(shape)
    return Work(
        kind=kind,
        ports=(port,),
        row=Loop(port.rows, dy=1),
        column=Loop(1),
        channel=Loop(port.row, dx=1),
    )
