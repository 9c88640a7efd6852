"""Write a commented spec to start from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import SpecError
from hwgen.flow.folder import write_errors
from hwgen.flow.result import Result
from hwgen.spec.starters import starter_names, starter_text

__all__ = ["InitResult", "Starter", "StartersResult", "init", "starters"]

DEFAULT = "cnn"


@dataclass(frozen=True)
class Starter:
    """A spec to start from; ``summary`` is its first line."""

    name: str
    summary: str


@dataclass(frozen=True)
class StartersResult(Result):
    """All starters, sorted by name."""

    starters: tuple[Starter, ...]


@dataclass(frozen=True)
class InitResult(Result):
    """A spec that was written, and the starter that it is a copy of."""

    spec: Path
    starter: str


def starters() -> StartersResult:
    """Return which starters there are."""
    heads = {name: starter_text(name).partition("\n")[0] for name in starter_names()}
    return StartersResult(tuple(Starter(name, heads[name].strip("# ")) for name in heads))


def init(spec: str | os.PathLike[str] | None = None, source: str | None = None) -> InitResult:
    """Write a commented starter spec.

    Parameters
    ----------
    spec
        File to write; the starter's name with ``.yaml`` by default.
    source
        Name of the starter.

    Raises
    ------
    SpecError
        HG125 if there is no such starter, HG922 if the file exists, HG913 if it cannot be written.
    LimitError
        HG912 if the disk is full.
    """
    source = source or DEFAULT
    text = starter_text(source)
    path = Path(spec) if spec is not None else Path(f"{source}.yaml")
    with write_errors(path, only_files=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise SpecError(
                "HG922",
                f"{path} exists and is not overwritten",
                hint="name another file: hwgen init my_model.yaml",
            ) from None
    return InitResult(path, source)
