"""Rows of earlier tensors: how a window reaches back over the start of a tensor.

The outer axis of a tensor in stream order is its time: rows of an image, tokens of a sequence.  In
a streamed graph a tensor is a chunk of a sequence that has no end, and an op whose window spans
several rows keeps the last ones of the chunks before: its *history*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.ops.arithmetic import Int

__all__ = ["RowWindow", "row_axis", "visible_rows", "with_history"]


@dataclass(frozen=True)
class RowWindow:
    """Which rows of its inputs an op's result row is made of.

    Window ``i`` reads rows ``i * stride - left`` to ``i * stride - left + extent - 1``; those
    before row 0 are padding.  It makes ``rows`` rows of the result, from row ``i * rows - cut`` on;
    those before row 0 are none.  The default is an op that works row by row.

    ``in_turn``: the rows of the result are those of ``rows`` inputs in turn, row ``i * rows + k``
    is row ``i`` of input ``k``.
    """

    extent: int = 1
    stride: int = 1
    left: int = 0
    rows: int = 1
    cut: int = 0
    in_turn: bool = False

    @property
    def right(self) -> int:
        """Rows after ``i * stride`` that window ``i`` reads: how far it looks ahead."""
        return self.extent - 1 - self.left


def row_axis(ndim: int) -> int:
    """Return the axis of rows of an array with a batch axis: of an image the height."""
    return 2 if ndim == 4 else 1


def with_history(codes: Int, attrs: Mapping[str, Any]) -> Int:
    """Return each sample with the rows of earlier ones that its op sees too.

    Samples follow one another in time.  The batch is returned as it is if ``attrs`` have no
    ``history``.

    Parameters
    ----------
    codes
        (n, channels, rows, width) or (n, rows, features).
    attrs
        ``history``: rows to put in front of each sample; if negative, rows of its own to leave
        out there.  ``warmup``: first rows of all, which count as padding.  ``pad``: their code,
        and that of the rows before them.
    """
    if "history" not in attrs:
        return codes
    axis, history, warmup = row_axis(codes.ndim), attrs["history"], attrs["warmup"]
    samples, rows = codes.shape[0], codes.shape[axis]
    moved = np.moveaxis(codes, axis, 1)
    time = moved.reshape(samples * rows, *moved.shape[2:]).copy()
    time[:warmup] = attrs["pad"]
    front = np.full((max(history, 0), *time.shape[1:]), attrs["pad"], dtype=np.int64)
    time = np.concatenate((front, time))
    start = max(-history, 0)
    index = np.arange(samples)[:, None] * rows + np.arange(start, rows + max(history, 0))
    return np.moveaxis(time[index], 1, axis)


def visible_rows(rows: int, attrs: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the rows that an op sees of a tensor of ``rows``, and where its windows are.

    Returns
    -------
    tuple
        The rows with those of the history, how many of them are history, and the first one that a
        window reads.
    """
    history = attrs.get("history", 0)
    return rows + max(history, 0), max(history, 0), max(-history, 0)
