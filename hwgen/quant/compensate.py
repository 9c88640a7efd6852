"""Rounding of weights that makes up for its own errors on calibration data.

Each column of a weight matrix is rounded in turn, and the columns that are still to come take
over the error that this causes in the layer's results: GPTQ (Frantar et al., "GPTQ: Accurate
Post-Training Quantization for Generative Pre-trained Transformers", ICLR 2023), after Hassibi and
Stork, "Second order derivatives for network pruning: Optimal Brain Surgeon", NIPS 1992.
"""

from __future__ import annotations

import numpy as np

from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real
from hwgen.ops.mac import weight_range

__all__ = ["compensate"]

_CLIPS = np.linspace(1.0, 0.3, 71)
_DAMPING = 0.1
_BLOCK = 64


def compensate(
    weight: Real,
    inputs: Real,
    importance: Real,
    bits: int,
    *,
    narrow: bool = False,
    reach: int | None = None,
) -> tuple[Int, Real]:
    """Return codes and per-output scales that keep ``inputs @ weight.T``.

    Symmetric codes in :func:`hwgen.ops.mac.weight_range`.  The scale of an output is that of 71
    clips from 100 % to 30 % of its largest magnitude with the least squared error, an input's
    error counting as much as that input's mean square.

    Parameters
    ----------
    weight
        Shape (outputs, inputs).
    inputs
        What the layer reads on calibration data, with the rounding of activations: (rows,
        inputs), at least one row.
    importance
        How much a row counts, (rows,); not all of them 0.
    bits
        2 to 16.
    narrow
        Leave out the most negative code.
    reach
        Largest magnitude of a code, if it is not that of the bits.

    Returns
    -------
    tuple
        int64 codes of ``weight``'s shape, and the scales, (outputs,); that of an output whose
        weights are all 0 is 0.
    """
    low, high = weight_range(bits, narrow, reach)
    weighted = inputs * (importance / importance.sum())[:, None]
    moment: Real = inputs.T @ weighted
    power = float(np.diag(moment).mean()) or 1.0
    moment[np.diag_indices_from(moment)] += _DAMPING * power
    scales = _scales(weight, np.diag(moment), low, high)
    # Inputs with the most power go first, while there are columns left to make up for them.
    order = np.argsort(-np.diag(moment), kind="stable")
    upper = np.linalg.cholesky(np.linalg.inv(moment[np.ix_(order, order)])).T
    left = weight[:, order]
    step = np.where(scales > 0, scales, 1.0)
    codes = np.zeros(left.shape, dtype=np.int64)
    for start in range(0, left.shape[1], _BLOCK):
        end = min(start + _BLOCK, left.shape[1])
        errors = np.zeros((len(left), end - start))
        for column in range(start, end):
            rounded = np.clip(np.floor(left[:, column] / step + 0.5), low, high)
            codes[:, order[column]] = rounded
            error = (left[:, column] - rounded * step) / upper[column, column]
            errors[:, column - start] = error
            left[:, column + 1 : end] -= np.outer(error, upper[column, column + 1 : end])
        left[:, end:] -= errors @ upper[start:end, end:]
    codes[scales == 0] = 0
    return codes, scales


def _scales(weight: Real, power: Real, low: int, high: int) -> Real:
    """Return the scale of each output with the least error, weighted by the inputs' power."""
    largest = np.max(np.abs(weight), axis=1, initial=0.0)
    best = np.full(largest.shape, np.inf)
    scales = np.zeros_like(largest)
    for clip in _CLIPS:
        scale = largest * clip / high
        step = np.where(scale > 0, scale, 1.0)[:, None]
        wrong = np.clip(np.floor(weight / step + 0.5), low, high) * step - weight
        error = (wrong * wrong) @ power
        better = (error < best) & (scale > 0)
        best[better], scales[better] = error[better], scale[better]
    result: Real = scales
    return result
