"""Gaussian error linear unit."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from hwgen.ops.base import OpParams, Real
from hwgen.ops.table import TableOp

__all__ = ["OP", "Gelu", "GeluParams"]

_erf = np.frompyfunc(math.erf, 1, 1)


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
        erf = np.asarray(_erf(values / math.sqrt(2.0)), dtype=np.float64)
        exact: Real = 0.5 * values * (1.0 + erf)
        return exact


OP = Gelu()
