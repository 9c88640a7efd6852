"""Load a spec with all that can be wrong with it, before anything is written."""

from __future__ import annotations

from pathlib import Path

from hwgen.board.load import board_names
from hwgen.errors import Diagnostic, SpecError
from hwgen.graph import build_graph, check_model
from hwgen.spec import load_spec
from hwgen.spec.model import Spec
from hwgen.spec.names import nearest

__all__ = ["load"]


def load(path: Path, *, allow_path: bool = False) -> Spec:
    """Return the spec of a file.

    Raises
    ------
    SpecError
        With every mistake in the file, its layers, its weights and its board.
    """
    try:
        spec = load_spec(path, allow_path=allow_path)
    except SpecError:
        check_model(path, allow_path=allow_path)  # finds more, and raises
        raise
    names = board_names()
    if spec.board is None or spec.board in names:
        return spec
    hint = f"{nearest(spec.board, names)}boards: {', '.join(names)}"
    found = [Diagnostic("HG820", f"no board {spec.board!r}", spec.marks.get("board"), hint)]
    try:
        build_graph(spec)
    except SpecError as error:
        found += error.diagnostics
    raise SpecError.of(found)
