"""Sigmoid linear unit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hwgen.ops.base import OpParams, Real
from hwgen.ops.table import TableOp

__all__ = ["OP", "Silu", "SiluParams"]


class SiluParams(OpParams):
    """silu has no spec keys of its own."""


class Silu(TableOp):
    """``x / (1 + exp(-x))``, also called swish."""

    name: ClassVar[str] = "silu"
    summary: ClassVar[str] = "sigmoid linear unit (swish); a table over codes of up to 10 bits"
    Params: ClassVar[type[OpParams]] = SiluParams
    example: ClassVar[str] = "{name: y, op: silu, in: x}"

    def curve(self, params: SiluParams, values: Real) -> Real:
        """Return the unit of each value."""
        # exp of a large number is infinite, and its reciprocal the right 0.
        with np.errstate(over="ignore"):
            result: Real = values / (1.0 + np.exp(-values))
        return result


OP = Silu()
