"""Where the shipped folders ``hls``, ``sim`` and ``boards`` are.

In a wheel they lie in ``hwgen/_data``; in a checkout they are the top-level folders.  No other
module builds such a path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hwgen.errors import ResourceError

__all__ = ["Kind", "data_dir", "data_root"]

Kind = Literal["hls", "sim", "boards"]

_PACKAGE = Path(__file__).resolve().parent


def data_root() -> Path:
    """Return the folder that holds ``hls/``, ``sim/`` and ``boards/``.

    The simulator gets it on ``PYTHONPATH``, so that benches import as ``sim.benches.*``.

    Raises
    ------
    ResourceError
        If the folders are not there.
    """
    installed = _PACKAGE / "_data"  # only a built wheel has it
    root = installed if installed.is_dir() else _PACKAGE.parent
    if not (root / "hls").is_dir():
        raise ResourceError(
            "HG901",
            f"hwgen's data folders are not in {root}",
            hint="reinstall hwgen: python -m pip install --force-reinstall hwgen",
        )
    return root


def data_dir(kind: Kind) -> Path:
    """Return the folder of one kind of shipped file."""
    return data_root() / kind
