"""Matrix product of two activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.mac import exact_matmul
from hwgen.ops.products import attend_attrs, attend_of, expect_operands, expect_sequence
from hwgen.ops.scaling import fixed_point
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Attend, Loop, Port, Work

__all__ = ["OP", "Matmul", "MatmulParams"]

_NAMES = ("the first input", "the second input")


class MatmulParams(OpParams):
    """Spec keys of matmul."""

    transpose_b: bool = Field(
        False, description="whether the second input is (features, inner), not (inner, features)"
    )
    scale: Annotated[float, Field(gt=0.0, le=65536.0, allow_inf_nan=False)] = Field(
        1.0, description="factor of the result"
    )


class Matmul(Op):
    """``y = scale * a @ b``: (tokens, inner) by (inner, features), or by its transpose."""

    name: ClassVar[str] = "matmul"
    summary: ClassVar[str] = (
        "matrix product of two sequences, optionally with the second transposed"
    )
    Params: ClassVar[type[OpParams]] = MatmulParams
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    example: ClassVar[str] = "{name: y, op: matmul, in: [x, x], transpose_b: true}"

    def shape(self, params: MatmulParams, inputs: Sequence[Shape]) -> Shape:
        """Return (tokens, features)."""
        first, second = (
            expect_sequence(self.name, name, shape)
            for name, shape in zip(_NAMES, inputs, strict=True)
        )
        inner, features = second[::-1] if params.transpose_b else second
        if first[1] != inner:
            raise ParamError(
                f"inputs {list(first)} and {list(second)} have inner sizes {first[1]} and {inner}",
                key="transpose_b",
                hint=f"a second input of shape [{first[1]}, n], or [n, {first[1]}] with "
                "transpose_b: true",
            )
        return first[0], features

    def real(
        self, params: MatmulParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the product in float64."""
        second = inputs[1].swapaxes(1, 2) if params.transpose_b else inputs[1]
        product: Real = params.scale * (inputs[0] @ second)
        return product

    def lower(
        self,
        params: MatmulParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return the sizes and one multiplier."""
        expect_operands(self.name, _NAMES, types)
        tokens, features = self.shape(params, shapes)
        attend = Attend(
            queries=tokens,
            keys=shapes[1][0],
            heads=1,
            kv_heads=1,
            inner=shapes[0][1],
            features=features,
            tile=0,
            transposed=params.transpose_b,
        )
        ratio = params.scale * types[0].scale * types[1].scale / out.scale
        multiplier, shift = fixed_point(np.array([ratio]))
        return Lowered(
            attrs=attend_attrs(attend),
            requant=Requant(
                multiplier=multiplier,
                shift=shift,
                zero_point=out.zero_point,
                low=out.low,
                high=out.high,
                offset=np.zeros(1, dtype=np.int64),
            ),
        )

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the exact sums of products, requantised."""
        assert lowered.requant is not None
        second = inputs[1].swapaxes(1, 2) if lowered.attrs["transposed"] else inputs[1]
        return lowered.requant.apply(exact_matmul(inputs[0], second))

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of every partial sum, in any order."""
        ends = [a * b for a in (types[0].low, types[0].high) for b in (types[1].low, types[1].high)]
        inner = attend_of(lowered).inner
        return inner * min(*ends, 0), inner * max(*ends, 0)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``matmul`` work: a row of results per row of the first operand."""
        attend = attend_of(lowered)
        return Work(
            kind="matmul",
            ports=tuple(Port(*shape) for shape in inputs),
            row=Loop(attend.queries, dy=1),
            column=Loop(1),
            channel=Loop(1),
            outputs=attend.features,
            attend=attend,
        )


OP = Matmul()
