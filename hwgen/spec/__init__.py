"""The user's YAML file."""

from __future__ import annotations

from pathlib import Path

from hwgen.errors import SpecError
from hwgen.spec.model import Spec
from hwgen.spec.parse import parse_spec, parse_text

__all__ = ["Spec", "load_spec", "parse_spec", "parse_text"]


def load_spec(path: str | Path, *, allow_path: bool = False) -> Spec:
    """Return the spec of a file.

    Parameters
    ----------
    path
        The YAML file.
    allow_path
        Whether files that it names may lie outside its folder.

    Raises
    ------
    SpecError
        With every mistake of the file that can be seen without knowing the ops;
        :func:`hwgen.graph.check_model` finds the others too.
    """
    spec, diagnostics = parse_spec(path, allow_path=allow_path)
    if diagnostics or spec is None:
        raise SpecError.of(diagnostics)
    return spec
