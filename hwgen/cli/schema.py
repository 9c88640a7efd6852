"""``hwgen schema``."""

from __future__ import annotations

import json

import click

from hwgen.cli import options

__all__ = ["command"]


@options.verb(
    "hwgen schema > hwgen.schema.json\n"
    "# first line of a spec, for editors with a YAML language server:\n"
    "# yaml-language-server: $schema=hwgen.schema.json"
)
@options.as_json
def schema(as_json: bool) -> None:
    """Print the JSON Schema of a spec.

    With --json it is the same: the schema is JSON.
    """
    from hwgen.flow.catalog import schema as run

    click.echo(json.dumps(run(), indent=1, ensure_ascii=False))


command = schema
