"""From works and lowered nodes to the tasks and memories of a systolic array."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.attention_keys import ring_start
from hwgen.ops.base import Lowered
from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Work
from rtl_templates.arith.requantize import Scale
from rtl_templates.attention.pack_core import PackTask
from rtl_templates.attention.shape import LaneTask
from rtl_templates.systolic.task import ArrayTask

__all__ = ["array_channels", "array_task", "array_weights", "pack_task"]

NUMERATOR_BITS = 9
"""Width of a numerator with a sign."""


def array_task(
    work: Work,
    lowered: Lowered,
    types: Sequence[QType],
    *,
    weights: int = 0,
    channels: int = 0,
    stays: bool = False,
) -> ArrayTask:
    """Return the constants of a linear layer, a product or attention.

    Parameters
    ----------
    types
        Of the operands that are read, in order.
    weights, channels
        First words in the weight and channel memories.
    stays
        Of a linear layer: operand stationary.
    """
    requant, attend = lowered.requant, work.attend
    assert requant is not None
    scale = Scale(requant.shift, requant.zero_point, requant.low, requant.high)
    if attend is None:
        return ArrayTask(
            kind="linear",
            tokens=work.row.count,
            inner=work.elements,
            features=work.outputs,
            column_signed=types[0].signed,
            row_signed=True,
            scale=scale,
            weights=weights,
            channels=channels,
            per_channel=True,
            operands_stay=stays,
        )
    if work.kind == "matmul":
        return ArrayTask(
            kind="transposed" if attend.transposed else "plain",
            tokens=attend.queries,
            inner=attend.inner,
            features=attend.features,
            column_signed=types[0].signed,
            row_signed=types[1].signed,
            scale=scale,
            channels=channels,
        )
    # Codes of attention fit 8-bit two's complement, whatever their type.
    return ArrayTask(
        kind="attention",
        tokens=attend.queries,
        inner=attend.inner,
        features=attend.features,
        column_signed=True,
        row_signed=True,
        scale=scale,
        lane=_lane(work, lowered, requant, scale),
        pinned=attend.sink_queries,
    )


def _lane(work: Work, lowered: Lowered, requant: Requant, scale: Scale) -> LaneTask:
    attend = work.attend
    assert attend is not None
    return LaneTask(
        multiplier=lowered.attrs["score_multiplier"],
        sink_multiplier=lowered.attrs["sink_multiplier"],
        shift=lowered.attrs["score_shift"],
        result_multiplier=int(requant.multiplier[0]),
        scale=scale,
        queries=attend.queries,
        keys=attend.keys,
        heads=attend.heads,
        kv_heads=attend.kv_heads,
        features=attend.features,
        causal=attend.causal,
        window=attend.window,
        sinks=attend.sinks,
        padded=attend.padded,
        cached=attend.cached,
        ring=attend.keys - ring_start(attend) if attend.cached and attend.window else 0,
        kv4=attend.kv4,
    )


def pack_task(work: Work, lowered: Lowered, *, values: bool) -> PackTask:
    """Return the constants of rounding keys, or values, to 4 bits.

    Parameters
    ----------
    work
        ``pack``: a row for each key head of a token.
    """
    elements = work.channel.count
    if values:
        return PackTask(((0,) * elements,))
    means = lowered.constants["key_mean"].reshape(-1, elements).tolist()
    return PackTask(tuple(map(tuple, means)))


def array_weights(codes: Int, rows: int, *, stays: bool = False) -> list[list[int]]:
    """Return a linear layer's words of each row's weight memory.

    Parameters
    ----------
    codes
        (features, elements); the last tile is filled up with zeros.
    rows
        Rows of the array: row ``r`` works on feature ``tile * rows + r``.
    stays
        Operand stationary: on element ``tile * rows + r``, the last feature first.
    """
    if stays:
        codes = codes[::-1].T  # tiles of elements instead of features
    features, elements = codes.shape
    tiles = ceil(features / rows)
    filled = np.pad(codes, [(0, tiles * rows - features), (0, 0)])
    ordered = filled.reshape(tiles, rows, elements).transpose(1, 0, 2)
    return [[int(code) for code in line] for line in ordered.reshape(rows, -1)]


def array_channels(
    bias: Int, requant: Requant, rows: int, acc_bits: int, multiplier_bits: int
) -> list[int]:
    """Return a word of bias and multiplier per output feature, filled up to whole tiles.

    A product of activations has one: pass one bias of 0.
    """
    assert all(factor.bit_length() <= multiplier_bits for factor in requant.multiplier.tolist())
    multiplier = np.broadcast_to(requant.multiplier, bias.shape)
    mask = (1 << acc_bits) - 1
    words = [
        int(factor) << acc_bits | (int(offset) & mask)
        for factor, offset in zip(multiplier, bias, strict=True)
    ]
    return words + [0] * (-len(words) % rows) if len(words) > 1 else words
