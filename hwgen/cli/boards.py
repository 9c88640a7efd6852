"""``hwgen boards``."""

from __future__ import annotations

from collections.abc import Iterator

from hwgen.cli import options
from hwgen.cli.output import emit, table

__all__ = ["command"]


@options.verb("hwgen boards")
@options.as_json
def boards(as_json: bool) -> None:
    """List the boards that hwgen knows."""
    from hwgen.flow.catalog import boards as run

    result = run()

    def text() -> Iterator[str]:
        rows = [(board.name, board.title, board.device, board.link) for board in result.boards]
        yield from table(("board", "what", "device", "link"), rows)

    emit(result, as_json, text)


command = boards
