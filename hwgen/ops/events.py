"""What the golden model counts while it computes: values that met the end of their range.

Hardware counts the same of attention in its registers; counting changes no result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Events", "clamped", "masked", "recorded", "saturated"]


@dataclass
class Events:
    """Counts over some tensors.

    Parameters
    ----------
    saturated
        Results that were clamped to an end of their type; what a ReLU or a range without
        negative values clamps to zero is not among them.
    clamped
        Attention: logarithms of seen keys that were clamped.
    masked
        Attention: queries of a head that saw no key, and have results of zero.
    """

    saturated: int = 0
    clamped: int = 0
    masked: int = 0

    def __add__(self, other: Events) -> Events:
        """Return the counts over the tensors of both."""
        return Events(
            self.saturated + other.saturated,
            self.clamped + other.clamped,
            self.masked + other.masked,
        )


_open: ContextVar[Events | None] = ContextVar("events", default=None)


@contextmanager
def recorded() -> Iterator[Events]:
    """Give the counts of what is computed inside of the block."""
    events = Events()
    token = _open.set(events)
    try:
        yield events
    finally:
        _open.reset(token)


def saturated(value: npt.NDArray[np.int64], low: int, high: int, zero_point: int) -> None:
    """Count results outside of ``[low, high]``."""
    events = _open.get()
    if events is not None:
        events.saturated += int(np.count_nonzero(value > high))
        if low < zero_point:
            events.saturated += int(np.count_nonzero(value < low))


def clamped(value: npt.NDArray[np.int64], limit: int, seen: npt.NDArray[np.bool_]) -> None:
    """Count logarithms of seen keys outside of ``[-limit, limit]``."""
    events = _open.get()
    if events is not None:
        events.clamped += int(np.count_nonzero((np.abs(value) > limit) & seen))


def masked(nothing: npt.NDArray[np.bool_]) -> None:
    """Count queries of a head that saw no key."""
    events = _open.get()
    if events is not None:
        events.masked += int(np.count_nonzero(nothing))
