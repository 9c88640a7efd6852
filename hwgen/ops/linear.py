"""Fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Op, OpParams, Real, Shape
from hwgen.ops.blocks import Blocks, weight_digits
from hwgen.ops.history import RowWindow
from hwgen.ops.mac import accumulator_range, exact_matmul, lower_mac, requantised
from hwgen.ops.params import Activation, Count
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, OperandBlock, Port, Work

__all__ = ["OP", "Linear", "LinearParams"]

Number = TypeVar("Number", np.int64, np.float64)


class LinearParams(OpParams):
    """Spec keys of linear."""

    features: Count = Field(description="output features")
    bias: bool = Field(True, description="whether <layer>.bias is added")
    activation: Activation = Field("none", description="none or relu, before requantisation")


class Linear(Op):
    """``y = act(weight @ x + bias)`` of a vector, or of each token of a sequence.

    An image is flattened as (channels, height, width).
    """

    name: ClassVar[str] = "linear"
    summary: ClassVar[str] = "fully connected layer, token by token: optional bias and ReLU"
    Params: ClassVar[type[OpParams]] = LinearParams
    example: ClassVar[str] = "{name: y, op: linear, in: x, features: 10}"

    def shape(self, params: LinearParams, inputs: Sequence[Shape]) -> Shape:
        """Return (features,), or (tokens, features) of a sequence."""
        return (*_tokens(inputs[0]), params.features)

    def weights(self, params: LinearParams, inputs: Sequence[Shape]) -> dict[str, Shape]:
        """Return ``weight`` (features, input elements of a token) and ``bias`` (features,)."""
        elements = prod(inputs[0]) // prod(_tokens(inputs[0]))
        shapes: dict[str, Shape] = {"weight": (params.features, elements)}
        if params.bias:
            shapes["bias"] = (params.features,)
        return shapes

    def real(
        self, params: LinearParams, inputs: Sequence[Real], weights: Mapping[str, Real]
    ) -> Real:
        """Return the product in float64."""
        result: Real = _flat(inputs[0]) @ weights["weight"].T
        if params.bias:
            result = result + weights["bias"]
        return np.maximum(result, 0.0) if params.activation == "relu" else result

    def lower(
        self,
        params: LinearParams,
        weights: Mapping[str, Real],
        shapes: Sequence[Shape],
        types: Sequence[QType],
        out: QType,
        options: LowerOptions,
    ) -> Lowered:
        """Return codes per output feature, and the blocks of the input's channels."""
        source, blocks = types[0], options.blocks
        if blocks is not None:
            step = source.scale * (1 << blocks.unit)
            source = replace(source, scale=step, zero_point=source.zero_point >> blocks.unit)
        lowered = lower_mac(
            weights,
            source,
            out,
            relu=params.activation == "relu",
            attrs={},
            options=options,
        )
        if blocks is None:
            return lowered
        return replace(
            lowered,
            attrs={**lowered.attrs, **blocks.attrs(), "pad": types[0].zero_point},
            constants={**lowered.constants, "order": blocks.order},
        )

    def row_window(self, params: LinearParams, inputs: Sequence[Shape]) -> RowWindow | None:
        """Return that tokens of a sequence are alone; an image is one row."""
        return RowWindow() if len(inputs[0]) == 2 else None

    def integer(self, lowered: Lowered, inputs: Sequence[Int]) -> Int:
        """Return the exact sums of codes, requantised."""
        codes, blocks = _flat(inputs[0]), Blocks.of(lowered.attrs, lowered.constants)
        if blocks is not None:
            codes = blocks.rounded(codes) >> blocks.unit
        product = exact_matmul(codes, lowered.constants["weight"].T)
        return requantised(lowered, product + lowered.constants["bias"], channel_axis=-1)

    def accumulator(
        self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]
    ) -> tuple[int, int]:
        """Return bounds of every partial sum with its bias."""
        blocks = Blocks.of(lowered.attrs, lowered.constants)
        return accumulator_range(lowered, types[0], blocks.ends() if blocks else None)

    def work(self, lowered: Lowered, inputs: Sequence[Shape], types: Sequence[QType]) -> Work:
        """Return ``mac`` work: a row per token, which is one segment."""
        tokens = prod(_tokens(inputs[0]))
        elements = prod(inputs[0]) // tokens
        blocks, weights = _operand_blocks(lowered, inputs[0]), lowered.weight_type
        assert weights is not None
        return Work(
            kind="mac",
            ports=(Port(tokens, elements),),
            row=Loop(tokens, dy=1),
            column=Loop(1),
            channel=Loop(1),
            outputs=lowered.constants["weight"].shape[0],
            elements=elements,
            pad=lowered.attrs["pad"],
            blocks=blocks,
            digits=weight_digits(weights.bits) if blocks else 1,
        )

    def stream_weights(self, lowered: Lowered, inputs: Sequence[Shape]) -> Int:
        """Return (features, 1, elements) with the columns in stream order."""
        weight = _in_stream_order(lowered.constants["weight"], inputs[0])
        return weight.reshape(weight.shape[0], 1, -1)


def _tokens(shape: Shape) -> Shape:
    """Return the axes that are kept: the tokens of a sequence."""
    return shape[:1] if len(shape) == 2 else ()


def _in_stream_order(columns: Int, shape: Shape) -> Int:
    """Return an array (n, elements of a token) with its columns in the stream order of images."""
    if len(shape) == 3:
        columns = columns.reshape(-1, *shape).transpose(0, 2, 3, 1)
    return columns.reshape(columns.shape[0], -1)


def _operand_blocks(lowered: Lowered, shape: Shape) -> tuple[OperandBlock, ...]:
    """Return the blocks of the operands, whose elements are those of the stream."""
    blocks = Blocks.of(lowered.attrs, lowered.constants)
    if blocks is None:
        return ()
    there = np.argsort(_in_stream_order(np.arange(blocks.order.size)[np.newaxis], shape)[0])
    places = there[blocks.order].reshape(-1, blocks.size).tolist()
    pairs = zip(places, blocks.bits, strict=True)
    return tuple(OperandBlock(tuple(elements), bits) for elements, bits in pairs)


def _flat(batch: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return (batch, elements), or (batch, tokens, features) of sequences as they are."""
    return batch if batch.ndim == 3 else batch.reshape(len(batch), -1)


OP = Linear()
