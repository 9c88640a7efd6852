"""Contents of the weight and channel memories."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.types import Requant
from hwgen.ops.work import Work
from hwgen.plan.diagonal import flattened, side_by_side
from hwgen.plan.model import PLAIN, Fold, Multiplier
from hwgen.plan.multipliers import digits

__all__ = ["channel_words", "pack", "weight_words"]


def pack(codes: Int, bits: int) -> list[int]:
    """Pack each row of ``codes`` (words, codes per word) into one integer, the first lowest."""
    raw = codes.astype(np.int64) & ((1 << bits) - 1)
    planes = (raw[..., np.newaxis] >> np.arange(bits)) & 1
    flat = planes.reshape(len(codes), -1).astype(np.uint8)
    return [
        int.from_bytes(row.tobytes(), "little")
        for row in np.packbits(flat, axis=1, bitorder="little")
    ]


def weight_words(
    weights: Int, work: Work, fold: Fold, bits: int, multiplier: Multiplier = PLAIN
) -> list[int]:
    """Return the words that the engine reads, one a step, in the order of one position.

    Of one row of positions, if columns have weights of their own.

    Parameters
    ----------
    weights
        Codes (output channel, segment, element) from ``Op.stream_weights``.
    bits
        Width of a weight, or of a digit of packed ones, in the memory.
    """
    if work.own_columns:
        one = replace(work, own_columns=False)
        sets = np.split(weights, work.sets)
        return [word for part in sets for word in weight_words(part, one, fold, bits, multiplier)]
    weights, work = flattened(*side_by_side(weights, work, fold), fold)
    groups = work.channel.count
    rows = work.reduce[0].count if work.reduce else 1
    columns = work.segments // rows
    together = fold.rows
    blocks = ceil(work.outputs / fold.outputs)
    words = ceil(work.elements / fold.elements)
    parts = ceil(groups / fold.groups)
    codes = weights.reshape(groups, work.outputs, rows, columns, work.elements)
    room = [
        (0, parts * fold.groups - groups),
        (0, blocks * fold.outputs - work.outputs),
        (0, 0),
        (0, 0),
        (0, words * fold.elements - work.elements),
    ]
    codes = np.pad(codes, room).reshape(
        *(parts, fold.groups, blocks, fold.outputs),
        *(rows // together, together, columns, words, fold.elements),
    )
    # (part, block, rows, column, word | group, output, row, element)
    ordered = codes.transpose(0, 2, 4, 6, 7, 1, 3, 5, 8)
    ordered = digits(ordered, 6, multiplier)
    return pack(ordered.reshape(-1, fold.multipliers), bits)


def channel_words(
    bias: Int, requant: Requant, lanes: int, acc_bits: int, multiplier_bits: int
) -> list[int]:
    """Return one word per beat of a position: bias and multiplier of each lane."""
    multiplier = np.broadcast_to(requant.multiplier, bias.shape)
    mask = (1 << acc_bits) - 1
    words = []
    for start in range(0, len(bias), lanes):
        word = 0
        for lane in reversed(range(lanes)):
            factor, offset = int(multiplier[start + lane]), int(bias[start + lane])
            word = (word << multiplier_bits | factor) << acc_bits | (offset & mask)
        words.append(word)
    return words
