"""Which rows of a sequence are padding, so that what they hold counts for nothing.

A ``padded`` attention reads how many of its keys count.  The rows behind them are computed like all
others, but nobody looks at them: neither calibration nor a signal-to-noise ratio may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwgen.ops.base import Real, Shape

__all__ = ["Link", "RowMask", "padding"]

_MIXING = ("attention", "matmul")


@dataclass(frozen=True)
class Link:
    """What matters of a node: its op, its tensors, and whether its last input counts keys."""

    name: str
    op: str
    inputs: Sequence[str]
    padded: bool


@dataclass(frozen=True)
class RowMask:
    """Rows that count, (n, tokens), by tensor; a tensor without padding has none."""

    counts: Mapping[str, str]
    tokens: Mapping[str, int]

    def rows(self, name: str, inputs: Mapping[str, Real]) -> npt.NDArray[np.bool_] | None:
        """Return which rows of a tensor count, or None if all of them do.

        Parameters
        ----------
        inputs
            The model's inputs, (n, ...), the counts among them.
        """
        count = self.counts.get(name)
        if count is None:
            return None
        return np.arange(self.tokens[name]) < inputs[count].reshape(-1, 1)


def padding(links: Iterable[Link], shapes: Mapping[str, Shape], inputs: Sequence[str]) -> RowMask:
    """Return the mask of every tensor whose rows go with those of padded keys.

    Rows go together through every op that keeps the number of tokens; a result of attention or
    ``matmul`` has the rows of its first operand, and values have those of keys.

    Parameters
    ----------
    shapes
        Of every tensor without its batch axis.
    inputs
        Names of the model's inputs: only a count that is one of them is known beforehand.
    """
    group = {name: name for name in shapes}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    def join(first: str, second: str) -> None:
        if shapes[first][0] == shapes[second][0]:
            group[root(second)] = root(first)

    found: list[tuple[str, str]] = []
    for link in links:
        together = [name for name in link.inputs if len(shapes[name]) < 3]
        if link.op in _MIXING:
            if len(together) > 2:
                join(together[1], together[2])
            if link.padded and link.inputs[-1] in inputs:
                found.append((link.inputs[1], link.inputs[-1]))
            together = together[:1]
        # Ids (tokens,) become rows; any other vector has no rows.
        if len(shapes[link.name]) == 2:
            for name in together:
                if len(shapes[name]) == 2 or link.op == "embedding":
                    join(link.name, name)
    counted = {root(key): count for key, count in found}
    counts = {name: counted[root(name)] for name in shapes if root(name) in counted}
    return RowMask(counts, {name: shapes[name][0] for name in counts})
