"""What the host does with logits: probabilities, and whether the word was heard."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["heard", "probabilities"]

Array = npt.NDArray[np.float64]


def probabilities(logits: Array) -> Array:
    """Return the probability of each step."""
    result: Array = 1 / (1 + np.exp(-logits))
    return result


def heard(logits: Array, cutoff: float, window: int) -> npt.NDArray[np.bool_]:
    """Return for each utterance whether the mean of ``window`` probabilities exceeds the cutoff.

    Parameters
    ----------
    logits
        (utterances, steps).
    """
    views = np.lib.stride_tricks.sliding_window_view(probabilities(logits), window, axis=1)
    result: npt.NDArray[np.bool_] = views.mean(axis=2).max(axis=1) > cutoff
    return result
