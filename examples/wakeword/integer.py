"""The same network in TFLite's own integers, by the library that the package brings."""

from __future__ import annotations

import numpy as np
from package import Missing, Word
from tflite_file import Array

__all__ = ["tflite_logits"]


def tflite_logits(word: Word, features: Array) -> Array:
    """Return the logit of each step from a fresh state, within what its result can tell.

    The library gives probabilities in steps of 1 / 256, so that logits end near 6.

    Raises
    ------
    Missing
        If the package is not installed.
    """
    try:
        from pymicro_wakeword import MicroWakeWord, Model
    except ImportError as error:
        raise Missing("pymicro-wakeword is not installed: run 'make wakeword'") from error
    network = MicroWakeWord.from_builtin(Model(word.name))
    network.sliding_window_size = 1
    found = []
    for index, frame in enumerate(features):
        network._probabilities.clear()
        network.process_streaming_prob(frame.reshape(1, 1, -1))
        if (index + 1) % network.stride == 0:
            found.append(network._probabilities[-1])
    network.close()
    likely = np.clip(np.array(found), 1 / 512, 1 - 1 / 512)
    result: Array = np.log(likely / (1 - likely))
    return result
