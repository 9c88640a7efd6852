"""What ops of one element share whose integer form is a table over the codes of their input."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, ParamError, Real, Shape
from hwgen.ops.elementwise import pointwise_work
from hwgen.ops.scaling import encode
from hwgen.ops.types import QType
from hwgen.ops.work import Work

__all__ = ["MAX_TABLE_BITS", "TableOp"]

MAX_TABLE_BITS = 10
"""Widest codes that a table is made for: 1,024 words."""


class TableOp(Op):
    """A function of one element: ``y = table[x - low]``, the rounded result for each code.

    The table holds the best code that there is for every input, so the only error is half a step.
    """

    pointwise: ClassVar[bool] = True
    row_by_row: ClassVar[bool] = True

    def shape(self, params: Any, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        return inputs[0]

    @abstractmethod
    def curve(self, params: Any, values: Real) -> Real:
        """Return the function of each value."""

    def real(self, params: Any, inputs: Sequence[Real], weights: Mapping[str, Real]) -> Real:
        """Return the function of each element."""
        return self.curve(params, inputs[0])

    def lower(
        self,
        params: Any,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return ``constants["table"]``, and ``attrs["low"]``, the code of its first word.

        Raises
        ------
        ParamError
            If the input is wider than 10 bits.
        """
        (kind,) = types
        if kind.bits > MAX_TABLE_BITS:
            raise ParamError(
                f"{self.name} looks up codes in a table, and its input has {kind.bits} bits",
                key="in",
                hint=f"at most {MAX_TABLE_BITS} bits: put a requantize layer before it",
            )
        codes = np.arange(kind.low, kind.high + 1, dtype=np.int64)
        values = self.curve(params, (codes - kind.zero_point) * np.float64(kind.scale))
        return Lowered(attrs={"low": kind.low}, constants={"table": encode(values, out)})

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the looked up codes."""
        codes: Int = lowered.constants["table"][inputs[0] - lowered.attrs["low"]]
        return codes

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``table`` work."""
        return pointwise_work("table", inputs)
