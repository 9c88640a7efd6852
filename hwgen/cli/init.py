"""``hwgen init``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from hwgen.cli import options
from hwgen.cli.output import emit

__all__ = ["command"]


@options.verb("hwgen init\nhwgen init --from mlp my_model.yaml")
@click.argument("spec", type=click.Path(path_type=Path), required=False)
@click.option("--from", "source", metavar="NAME", help="Which starter; --from list names them.")
@options.as_json
def init(spec: Path | None, source: str | None, as_json: bool) -> None:
    """Write a commented starter spec to SPEC; by default <starter>.yaml.

    Files that are there already are never overwritten.
    """
    from hwgen.flow.starters import init as run
    from hwgen.flow.starters import starters

    if source == "list":
        known = starters()
        emit(known, as_json, lambda: [f"{s.name}: {s.summary}" for s in known.starters])
        return
    result = run(spec, source)

    def text() -> Iterator[str]:
        yield f"wrote {result.spec}"
        yield f"next: hwgen check {result.spec}"

    emit(result, as_json, text)


command = init
