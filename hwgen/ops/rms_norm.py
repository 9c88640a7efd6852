"""Root mean square normalisation."""

from __future__ import annotations

from typing import ClassVar

from hwgen.ops.base import OpParams
from hwgen.ops.normalize import Normalize, NormalizeParams

__all__ = ["OP", "RmsNorm", "RmsNormParams"]


class RmsNormParams(NormalizeParams):
    """Spec keys of rms_norm."""


class RmsNorm(Normalize):
    """``x / sqrt(mean(x**2) + eps) * weight`` over the channels of each place."""

    name: ClassVar[str] = "rms_norm"
    summary: ClassVar[str] = "root mean square normalisation of each row, with a weight"
    Params: ClassVar[type[OpParams]] = RmsNormParams
    centered: ClassVar[bool] = False
    example: ClassVar[str] = "{name: y, op: rms_norm, in: x}"


OP = RmsNorm()
