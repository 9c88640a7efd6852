"""Program a board."""

from __future__ import annotations

from pathlib import Path

from hwgen.board.model import Board
from hwgen.errors import HwgenError
from hwgen.tools import find_tool, run

__all__ = ["flash"]

_LIMIT_S = 300


def flash(board: Board, bitstream: Path) -> str:
    """Load a bitstream into the connected board; return what the tool printed.

    Raises
    ------
    HwgenError
        HG828 if there is no such file.
    ToolError
        HG801 with the install command if the board's tool is missing; HG802 if it fails, for
        instance because no board is connected.
    """
    if not bitstream.is_file():
        raise HwgenError(
            "HG828", f"there is no bitstream {bitstream}", hint="make it with hwgen bitstream"
        )
    program, *arguments = board.flash.command
    tool = find_tool(program)
    words = [word.replace("{bitstream}", str(bitstream.resolve())) for word in arguments]
    return run(
        [str(tool.path), *words],
        cwd=bitstream.parent,
        log=bitstream.parent / "flash.log",
        timeout=_LIMIT_S,
        hint=f"is {board.title} connected by USB, and may you use it (udev rules)?",
    )
