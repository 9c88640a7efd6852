"""Rows of a table by token id, with learned positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from hwgen.ops.arithmetic import Int, saturate
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, ParamError, Real, Shape
from hwgen.ops.params import Count
from hwgen.ops.scaling import encode
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work

__all__ = ["OP", "Embedding", "EmbeddingParams"]

_MOST_IDS = 1 << 20


class EmbeddingParams(OpParams):
    """Spec keys of embedding."""

    vocabulary: Annotated[int, Field(ge=2, le=_MOST_IDS)] = Field(
        description="ids there are, 0 to vocabulary - 1: rows of <layer>.weight"
    )
    features: Count = Field(description="elements of a row")
    positions: bool = Field(
        False, description="whether row t of <layer>.position is added to the row of token t"
    )
    max_positions: Count | None = Field(
        None, description="rows of <layer>.position; default: the tokens of the input"
    )


class Embedding(Op):
    """``y[t] = weight[id[t]] + position[t]``: ids in, rows of features out."""

    name: ClassVar[str] = "embedding"
    summary: ClassVar[str] = "rows of a table by token id, optional learned positions"
    Params: ClassVar[type[OpParams]] = EmbeddingParams
    example: ClassVar[str] = "{name: y, op: embedding, in: x, vocabulary: 100, features: 16}"

    def shape(self, params: EmbeddingParams, inputs: Sequence[Shape]) -> Shape:
        """Return (tokens, features)."""
        if len(inputs[0]) != 1:
            raise ParamError(
                f"embedding needs ids of shape (tokens,), got {list(inputs[0])}",
                key="in",
                hint="an input of one axis",
            )
        (tokens,) = inputs[0]
        most = params.max_positions
        if most is not None and not params.positions:
            raise ParamError(
                f"max_positions {most}, but no positions are added",
                key="max_positions",
                hint="positions: true, or leave it out",
            )
        if most is not None and tokens > most:
            raise ParamError(
                f"{tokens} tokens, but position has {most} rows",
                key="max_positions",
                hint=f"sequences of 1 to {most} tokens",
            )
        return tokens, params.features

    def weights(self, params: EmbeddingParams, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` (vocabulary, features), ``position`` (max_positions, features)."""
        shapes: dict[str, Shape] = {"weight": (params.vocabulary, params.features)}
        if params.positions:
            shapes["position"] = (params.max_positions or inputs[0][0], params.features)
        return shapes

    def real(
        self, params: EmbeddingParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the rows in float64."""
        rows = weights["weight"][inputs[0].astype(np.int64)]
        if params.positions:
            rows = rows + weights["position"][: rows.shape[1]]
        return np.asarray(rows, dtype=np.float64)

    def in_types(self, params: EmbeddingParams, shapes: Sequence[Shape]) -> tuple[QType | None]:
        """Return ids: the integers below the vocabulary."""
        bits = max(2, (params.vocabulary - 1).bit_length())
        return (QType(bits, signed=False, scale=1.0, count=params.vocabulary),)

    def lower(
        self,
        params: EmbeddingParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return codes of the output's type: ``constants["table"]`` and ``["position"]``.

        Positions have their zero at 0, so that adding one moves a code.

        Raises
        ------
        ParamError
            If the input has no ids, but numbers of another scale.
        """
        (ids,) = types
        if ids.signed or ids.scale != 1.0 or ids.zero_point:
            raise ParamError(
                f"embedding looks up ids, and its input has steps of {ids.scale:g}",
                key="in",
                hint="a model input, or the result of argmax",
            )
        attrs = {"vocabulary": params.vocabulary, "low": out.low, "high": out.high}
        constants = {"table": encode(weights["weight"], out)}
        if params.positions:
            used = weights["position"][: shapes[0][0]]
            constants["position"] = encode(used, out) - out.zero_point
        return Lowered(attrs=attrs, constants=constants)

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the rows; an id beyond the table counts as its last one."""
        ids = np.minimum(inputs[0], lowered.attrs["vocabulary"] - 1)
        rows: Int = lowered.constants["table"][ids]
        if "position" in lowered.constants:
            moved = rows + lowered.constants["position"][: ids.shape[1]]
            rows = saturate(moved, lowered.attrs["low"], lowered.attrs["high"])
        return rows

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int] | None:
        """Return bounds of a code with its position; None without positions."""
        if "position" not in lowered.constants:
            return None
        table, position = lowered.constants["table"], lowered.constants["position"]
        low, high = int(table.min()), int(table.max())
        return (
            low + min(0, int(position.min())),
            high + max(0, int(position.max())),
        )

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``gather`` work: one id, and then the features of its row."""
        (tokens,) = inputs[0]
        return Work(
            kind="gather",
            ports=(Port(tokens, 1),),
            row=Loop(tokens, dy=1),
            column=Loop(1),
            channel=Loop(lowered.constants["table"].shape[1]),
        )


OP = Embedding()
