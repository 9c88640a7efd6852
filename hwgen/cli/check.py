"""``hwgen check``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hwgen.cli import options
from hwgen.cli.output import emit
from hwgen.cli.words import plan_line

__all__ = ["command"]


@options.verb("hwgen check digits.yaml")
@options.spec
@options.allow_path
@options.as_json
def check(spec: Path, allow_path: bool, as_json: bool) -> None:
    """Find every mistake in SPEC and its data files.

    Everything up to the plan is computed; nothing is written.
    """
    from hwgen.flow.builder import check as run

    result = run(spec, allow_path=allow_path)

    def text() -> Iterator[str]:
        counts = f"{result.layers} layers, {result.weights:,} weights"
        yield f"{result.name}: no mistakes ({counts})"
        yield plan_line(result.plan)

    emit(result, as_json, text)


command = check
