"""Board files: found, read, checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from hwgen.board.model import Board
from hwgen.errors import Diagnostic, Mark, SpecError
from hwgen.resources import data_dir
from hwgen.spec.explain import explain
from hwgen.spec.names import nearest
from hwgen.spec.source import read_text
from hwgen.spec.tree import compose

__all__ = ["board_names", "list_boards", "load_board", "read_board"]

_EXAMPLE = "docs/boards.md shows one"


def board_names() -> tuple[str, ...]:
    """Return the names of all boards, sorted."""
    return tuple(sorted(path.stem for path in data_dir("boards").glob("*.yaml")))


def list_boards() -> tuple[Board, ...]:
    """Return all boards, sorted by name."""
    return tuple(load_board(name) for name in board_names())


def load_board(name: str) -> Board:
    """Return the board of this name.

    Raises
    ------
    SpecError
        HG820 if there is none; HG821 and HG1xx, each with its place, if its file is wrong.
    """
    names = board_names()
    if name not in names:
        raise SpecError(
            "HG820",
            f"there is no board {name!r}",
            hint=f"{nearest(name, names)}boards: {', '.join(names)}",
        )
    return read_board(data_dir("boards") / f"{name}.yaml")


def read_board(path: Path) -> Board:
    """Return the board that a file describes.

    Raises
    ------
    SpecError
        With every mistake of the file.
    """
    text, found = read_text(path)
    tree = None
    if text is not None:
        tree, found = compose(text, str(path))
    if tree is None or not isinstance(tree.value, dict):
        empty = Diagnostic("HG821", "this is no board file", Mark(str(path)), _EXAMPLE)
        raise SpecError.of(found or [empty])
    try:
        board = Board.model_validate(tree.data())
    except ValidationError as error:
        where = tree.place
        found += explain(error, Board, lambda at, key: where(at, key=key), subject="board")
        raise SpecError.of(found) from None
    if board.name != path.stem:
        message = f"name is {board.name!r}, but the file is {path.name}"
        found.append(Diagnostic("HG821", message, tree.place(("name",)), f"name: {path.stem}"))
    if "{bitstream}" not in board.flash.command:
        message = "flash.command does not say where the bitstream goes"
        place = tree.place(("flash", "command"))
        found.append(Diagnostic("HG821", message, place, "give '{bitstream}' as an argument"))
    if found:
        raise SpecError.of(found)
    return board
