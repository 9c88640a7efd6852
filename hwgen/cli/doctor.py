"""``hwgen doctor``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from hwgen.cli import options
from hwgen.cli.output import emit, table

__all__ = ["command"]


@options.verb("hwgen doctor")
@options.as_json
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say which tools are there, where, and the one command that installs each missing one.

    The exit code is 3 if a tool that a verb needs is missing.
    """
    from hwgen.flow.catalog import doctor as run

    result = run()

    def text() -> Iterator[str]:
        rows = [
            ("ok" if f.ok else "MISSING", f.tool, f.version or "-", f.needed_for, f.where or "-")
            for f in result.findings
        ]
        yield from table(("", "tool", "version", "needed for", "where"), rows)
        for finding in result.findings:
            if not finding.ok:
                yield f"{finding.tool}: {finding.fix}"

    emit(result, as_json, text)
    if not result.ok:
        ctx.exit(3)


command = doctor
