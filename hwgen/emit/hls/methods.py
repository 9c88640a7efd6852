"""Functions of one number, as C++ expressions."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["by_number"]


def by_number(values: Sequence[int]) -> str:
    """Return an expression that picks value ``k``."""
    *others, last = values
    return "".join(f"k == {k} ? {value} : " for k, value in enumerate(others)) + str(last)
