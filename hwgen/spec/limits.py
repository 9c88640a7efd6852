"""Limits on what a spec may ask for: it is untrusted input."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_ELEMENTS", "MAX_NAME", "MAX_NODES"]

MAX_BYTES: Final = 1 << 20
"""Size of a spec file, bytes."""

MAX_DEPTH: Final = 16
"""Nesting of the YAML, levels; a legal spec needs six."""

MAX_NODES: Final = 20_000
"""YAML keys and values, aliases counted as often as they are used."""

MAX_NAME: Final = 64
"""Length of a name, characters."""

MAX_ELEMENTS: Final = 1 << 28
"""Elements of one tensor, and of all weights together (2 GiB as float64)."""
