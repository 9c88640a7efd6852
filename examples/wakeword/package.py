"""Where the networks are: files of the PyPI package pymicro-wakeword (Apache-2.0)."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PACKAGE", "WORDS", "Missing", "Word", "load"]

PACKAGE = "pymicro-wakeword"
_MODULE = "pymicro_wakeword"
WORDS = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")


class Missing(Exception):
    """A package or a program that the example needs is not installed."""


@dataclass(frozen=True)
class Word:
    """A network of the package.

    Parameters
    ----------
    model
        The TFLite file.
    cutoff
        A word is heard while the mean probability is above this.
    window
        Probabilities that the mean is of.
    """

    name: str
    model: Path
    cutoff: float
    window: int


def load(name: str) -> Word:
    """Return one of ``WORDS``; the package itself is not imported.

    Raises
    ------
    Missing
        If the package is not installed or lacks a file.
    """
    found = importlib.util.find_spec(_MODULE)
    if found is None or found.origin is None:
        raise Missing(f"{PACKAGE} is not installed: run 'make wakeword'")
    folder = Path(found.origin).parent / "models"
    description, model = folder / f"{name}.json", folder / f"{name}.tflite"
    for path in (description, model):
        if not path.is_file():
            raise Missing(f"{PACKAGE} has no {path.name} in {folder}")
    micro = json.loads(description.read_text(encoding="utf-8"))["micro"]
    return Word(name, model, float(micro["probability_cutoff"]), int(micro["sliding_window_size"]))
