"""Nearest-neighbour up-sampling of images: columns, then rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from hwgen.ops.base import Shape
from hwgen.ops.block import Block, BlockParams, Part, Source
from hwgen.ops.params import Size2d, expect_image, pair

__all__ = ["BLOCK", "Upsample2d", "Upsample2dParams"]


class Upsample2dParams(BlockParams):
    """Spec keys of upsample2d."""

    factor: Size2d = Field(
        description="how many times each element is repeated: one number or [height, width]"
    )


class Upsample2d(Block):
    """Each element ``factor`` times along both axes."""

    name: ClassVar[str] = "upsample2d"
    summary: ClassVar[str] = "each element of an image repeated along both axes"
    Params: ClassVar[type[BlockParams]] = Upsample2dParams
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    example: ClassVar[str] = "{name: y, op: upsample2d, in: x, factor: 2}"
    naming: ClassVar[str] = "Parts: `columns` and `rows`, of `upsample1d`; a factor of 1 has none."

    def parts(self, params: Upsample2dParams, inputs: Sequence[Shape]) -> list[Part]:
        """Return the repetition of columns first: its tensor is the smaller one."""
        expect_image(self.name, inputs[0])
        down, across = pair(params.factor)
        parts: list[Part] = []
        source: Source = 0
        for name, axis, factor in (("columns", "width", across), ("rows", "height", down)):
            if factor > 1 or (name == "rows" and not parts):
                keys = {"factor": factor, "axis": axis}
                parts.append(Part(name, "upsample1d", (source,), keys, {"axis": "factor"}))
                source = name
        return parts


BLOCK = Upsample2d()
