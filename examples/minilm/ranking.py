"""How well an order is kept: pairs of sentences, and the rank correlation of their similarities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from convert import HERE

__all__ = ["PAIRS", "pairs", "similarities", "spearman"]

PAIRS = HERE / "pairs.tsv"

Array = npt.NDArray[np.float64]


def pairs(path: Path = PAIRS) -> tuple[Array, list[str]]:
    """Return the score of each pair, 0 to 5, and the sentences, two of a pair in a row."""
    scores, sentences = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        score, first, second = line.split("\t")
        scores.append(float(score))
        sentences += [first, second]
    return np.array(scores), sentences


def similarities(vectors: Array) -> Array:
    """Return the cosine of each pair of unit vectors, two of a pair in a row."""
    found: Array = (vectors[0::2] * vectors[1::2]).sum(axis=1)
    return found


def spearman(first: Array, second: Array) -> float:
    """Return Spearman's rank correlation, -1 to 1; equal values share the mean of their ranks."""
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Array) -> Array:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean: Array = last[place] - (count[place] - 1) / 2
    return mean
