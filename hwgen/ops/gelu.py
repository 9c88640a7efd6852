"""Gaussian error linear unit."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from hwgen.ops.base import OpParams, Real
from hwgen.ops.table import TableOp

__all__ = ["OP", "Gelu", "GeluParams"]

_PIECE = 1 << 18
"""Values at a time: each is a Python number for a moment."""


class GeluParams(OpParams):
    """Spec keys of gelu."""

    approximate: Literal["none", "tanh"] = Field(
        "none", description="none (by the error function) or tanh, as the model was trained"
    )


class Gelu(TableOp):
    """``x * Phi(x)``, the normal distribution's cumulative function.

    Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv 1606.08415, with both forms.
    """

    name: ClassVar[str] = "gelu"
    summary: ClassVar[str] = "Gaussian error linear unit; a table over codes of up to 10 bits"
    Params: ClassVar[type[OpParams]] = GeluParams
    example: ClassVar[str] = "{name: y, op: gelu, in: x}"

    def curve(self, params: GeluParams, values: Real) -> Real:
        """Return the unit of each value."""
        if params.approximate == "tanh":
            inner = math.sqrt(2 / math.pi) * (values + 0.044715 * values**3)
            tanh: Real = 0.5 * values * (1.0 + np.tanh(inner))
            return tanh
        exact: Real = 0.5 * values * (1.0 + _erf(values / math.sqrt(2.0)))
        return exact


def _erf(values: Real) -> Real:
    """Return the error function of each value."""
    flat = values.ravel()
    result = np.empty(flat.shape)
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE].tolist()
        result[start : start + _PIECE] = [math.erf(value) for value in piece]
    return result.reshape(values.shape)


OP = Gelu()
