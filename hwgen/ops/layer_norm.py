"""Layer normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from hwgen.ops.base import OpParams, Shape
from hwgen.ops.normalize import Normalize, NormalizeParams

__all__ = ["OP", "LayerNorm", "LayerNormParams"]


class LayerNormParams(NormalizeParams):
    """Spec keys of layer_norm."""

    bias: bool = Field(True, description="whether <layer>.bias is added")


class LayerNorm(Normalize):
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over the channels of each place."""

    name: ClassVar[str] = "layer_norm"
    summary: ClassVar[str] = "layer normalisation of each row: weight and optional bias"
    Params: ClassVar[type[OpParams]] = LayerNormParams
    centered: ClassVar[bool] = True
    example: ClassVar[str] = "{name: y, op: layer_norm, in: x}"

    def weights(self, params: LayerNormParams, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` and ``bias``, both (features,)."""
        shapes = super().weights(params, inputs)
        return shapes | ({"bias": shapes["weight"]} if params.bias else {})


OP = LayerNorm()
