"""Commented specs to start from: ``<name>.yaml`` in this folder, each legal as it stands."""

from __future__ import annotations

from pathlib import Path

from hwgen.errors import SpecError
from hwgen.spec.names import nearest

__all__ = ["starter_names", "starter_text"]

_FOLDER = Path(__file__).resolve().parent


def starter_names() -> tuple[str, ...]:
    """Return the names of the starters, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def starter_text(name: str) -> str:
    """Return the text of a starter; its first line, a comment, says what it is.

    Raises
    ------
    SpecError
        HG125 if there is none of this name.
    """
    names = starter_names()
    if name not in names:
        hint = f"{nearest(name, names)}there are {', '.join(names)}"
        raise SpecError("HG125", f"there is no starter spec {name!r}", hint=hint)
    return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
