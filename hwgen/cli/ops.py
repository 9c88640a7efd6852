"""``hwgen ops``."""

from __future__ import annotations

from collections.abc import Iterator

from hwgen.cli import options
from hwgen.cli.output import emit, table

__all__ = ["command"]


@options.verb("hwgen ops")
@options.as_json
def ops(as_json: bool) -> None:
    """List the ops that a spec can use, with their keys."""
    from hwgen.flow.catalog import ops as run

    result = run()

    def text() -> Iterator[str]:
        yield from table(("op", "what", "keys"), [(o.name, o.summary, o.keys) for o in result.ops])

    emit(result, as_json, text)


command = ops
