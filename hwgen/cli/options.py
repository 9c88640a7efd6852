"""The arguments that verbs share, and how a help page shows its example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["allow_path", "as_json", "board", "output", "seed", "spec", "vectors", "verb"]

F = TypeVar("F", bound=Callable[..., Any])


def verb(example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a verb; its help page ends with ``example``, a line per command."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        lines = "\n".join(f"  {line}" for line in example.strip().splitlines())
        name = function.__name__.rstrip("_")
        return click.command(name, epilog=f"\b\nExample:\n{lines}")(function)

    return decorate


def spec(function: F) -> F:
    """Add the argument SPEC, a path."""
    return click.argument("spec", type=click.Path(path_type=Path))(function)


def output(function: F) -> F:
    """Add ``-o``: the build folder."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        help="The build folder.  [default: build/<name of the spec>]",
    )(function)


def allow_path(function: F) -> F:
    """Add ``--allow-path``."""
    return click.option(
        "--allow-path",
        is_flag=True,
        help="Let the spec name files outside its own folder.",
    )(function)


def as_json(function: F) -> F:
    """Add ``--json``."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print one JSON object on stdout instead of text.",
    )(function)


def vectors(function: F) -> F:
    """Add ``--vectors``."""
    return click.option(
        "--vectors",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many tensors to send.  [default: verify.vectors of the spec]",
    )(function)


def seed(function: F) -> F:
    """Add ``--seed``."""
    return click.option(
        "--seed",
        type=click.IntRange(min=0),
        metavar="N",
        help="Seed of the vectors and the stalls.  [default: verify.seed of the spec]",
    )(function)


def board(function: F) -> F:
    """Add ``--board``."""
    return click.option(
        "--board",
        metavar="NAME",
        help="The board; hwgen boards lists them.  [default: the spec's]",
    )(function)
