"""Work in the form in which its weights lie in words: groups side by side, segments as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.work import Work
from hwgen.plan.cost import side_of
from hwgen.plan.model import Fold

__all__ = ["flattened", "side_by_side"]


def flattened(weights: Int, work: Work, fold: Fold) -> tuple[Int, Work]:
    """Return weights and work whose segments are one, if words run through them."""
    if not fold.flat:
        return weights, work
    merged = replace(work, reduce=(), elements=work.segments * work.elements)
    return weights.reshape(len(weights), 1, -1), merged


def side_by_side(weights: Int, work: Work, fold: Fold) -> tuple[Int, Work]:
    """Return weights and work in which the groups that are worked on at once are one group.

    A result has zero weights for the elements of the other groups: a block diagonal.  Unchanged
    if the engine works on one group at a time, or has multipliers for each (``fold.groups``).

    Parameters
    ----------
    weights
        Codes (output channel, segment, element) from ``Op.stream_weights``.
    """
    side = side_of(work, fold)
    if side == 1 or fold.groups > 1:
        return weights, work
    parts = -(-work.channel.count // side)
    codes = weights.reshape(work.channel.count, work.outputs, -1, work.elements)
    codes = np.pad(codes, [(0, parts * side - work.channel.count), (0, 0), (0, 0), (0, 0)])
    codes = codes.reshape(parts, side, work.outputs, -1, work.elements)
    dense = np.zeros((*codes.shape[:4], side, work.elements), dtype=codes.dtype)
    for group in range(side):
        dense[:, group, :, :, group] = codes[:, group]
    outputs, elements = side * work.outputs, side * work.elements
    channel = replace(work.channel, count=parts, dx=elements)
    merged = replace(work, channel=channel, outputs=outputs, elements=elements)
    return dense.reshape(parts * outputs, -1, elements), merged
