"""Files that a spec names: inside its folder, of a known kind, and there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwgen.errors import Diagnostic, Mark
from hwgen.spec.names import listing, nearest, quoted

__all__ = ["resolve"]


def resolve(
    name: str, folder: Path, mark: Mark, *, suffixes: Sequence[str], allow_path: bool
) -> tuple[Path | None, list[Diagnostic]]:
    """Return the absolute path of a file named in a spec, symbolic links resolved.

    Parameters
    ----------
    name
        As written, relative to ``folder``.
    folder
        The spec's folder, resolved.
    suffixes
        Kinds of file that are legal here, each with its dot.
    allow_path
        Whether the file may lie outside ``folder``.

    Returns
    -------
    path
        None if the file cannot be used.
    diagnostics
        HG121 (leaves the folder), HG122 (not there, or not a file), HG113 (wrong kind).
    """

    def refuse(code: str, message: str, hint: str) -> tuple[None, list[Diagnostic]]:
        return None, [Diagnostic(code, message, mark, hint)]

    if not name.isprintable() or not name:
        return refuse("HG122", f"{quoted(name)} is not the name of a file", "give a path")
    try:
        path = (folder / name).resolve()
        inside = path.is_relative_to(folder)
        is_file, exists = path.is_file(), path.exists()
    except (OSError, RuntimeError, ValueError):  # too long, or links in a circle
        return refuse("HG122", f"{quoted(name)} is not the name of a file", "give a shorter path")
    if not inside and not allow_path:
        return refuse(
            "HG121",
            f"{quoted(name)} leaves the spec's folder",
            "move the file beside the spec, or pass --allow-path",
        )
    if path.suffix not in suffixes:
        return refuse(
            "HG113", f"{quoted(name)} is not of a legal kind", f"legal: {', '.join(suffixes)}"
        )
    if not exists:
        return refuse(
            "HG122", f"there is no file {quoted(name)} in {folder}", _others(path, suffixes)
        )
    if not is_file:
        return refuse(
            "HG122", f"{quoted(name)} is not a regular file", "give the path of a data file"
        )
    return path, []


def _others(path: Path, suffixes: Sequence[str]) -> str:
    """Return the nearest name of the files that could have been meant."""
    try:
        names = sorted(p.name for p in path.parent.iterdir() if p.suffix in suffixes)
    except OSError:
        names = []
    if not names:
        return "the path is relative to the spec's folder"
    return f"{nearest(path.name, names)}the folder has {listing(names)}"
