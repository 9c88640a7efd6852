"""What a verb prints: a result as text or as one JSON object, errors, and progress."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol

import click

from hwgen.errors import Diagnostic, HwgenError
from hwgen.serialize import to_json

__all__ = ["Progress", "Result", "emit", "print_error", "print_problem", "table"]


class Result(Protocol):
    """What a flow function returns."""

    def to_json(self) -> Any:
        """Return the result as JSON data."""


def emit(result: Result, as_json: bool, text: Callable[[], Iterable[str]]) -> None:
    """Print a result: one JSON object with ``"ok"``, or the lines of ``text``."""
    if as_json:
        click.echo(json.dumps({"ok": True} | result.to_json(), indent=1, ensure_ascii=False))
        return
    for line in text():
        click.echo(line)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], indent: str = "") -> list[str]:
    """Return an aligned table; columns of numbers are aligned to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    columns = list(zip(head, *cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_numeric(cell) for cell in column[1:]) for column in columns]
    lines = []
    for row in (list(head), *cells):
        padded = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        )
        lines.append((indent + "  ".join(padded)).rstrip())
    return lines


def _numeric(cell: str) -> bool:
    return (
        not cell or cell in "-" or cell.replace(",", "").rstrip("%").replace(".", "", 1).isdigit()
    )


def print_error(error: HwgenError, as_json: bool) -> None:
    """Print all diagnostics of an error: to stderr as text, or to stdout as one JSON object."""
    if not as_json:
        for diagnostic in error.diagnostics:
            click.echo(str(diagnostic), err=True)
        if len(error.diagnostics) > 1:
            click.echo(f"{len(error.diagnostics)} mistakes", err=True)
        return
    problem = {
        "ok": False,
        "code": error.code,
        "diagnostics": [_diagnostic(item) for item in error.diagnostics],
    }
    for detail in ("mismatch", "wave"):  # of a verification that failed
        if hasattr(error, detail):
            problem[detail] = to_json(getattr(error, detail))
    click.echo(json.dumps(problem, indent=1))


def print_problem(code: str, message: str, hint: str, as_json: bool) -> None:
    """Print a problem that has no place in a file."""
    diagnostic = Diagnostic(code, message, hint=hint)
    if as_json:
        problem = {"ok": False, "code": code, "diagnostics": [_diagnostic(diagnostic)]}
        click.echo(json.dumps(problem, indent=1))
    else:
        click.echo(f"hwgen: {diagnostic}", err=True)


def _diagnostic(item: Diagnostic) -> dict[str, Any]:
    where = item.where
    place = {"file": where.file, "line": where.line, "column": where.column} if where else None
    return {"code": item.code, "message": item.message, "hint": item.hint, "where": place}


class Progress:
    """Says on a terminal what is going on, once it has taken longer than a second.

    Call it with the name of each step; used as a context manager it cleans up the line.
    """

    DELAY = 1.0
    """Seconds before anything is shown."""

    def __init__(self, as_json: bool) -> None:
        self._enabled = sys.stderr.isatty() and not as_json
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._status: Any = None
        self._step = ""
        self._since = time.monotonic()

    def __call__(self, step: str) -> None:
        """Note that a step begins."""
        if not self._enabled:
            return
        with self._lock:
            self._finish()
            self._step, self._since = step, time.monotonic()
            if self._status is not None:
                self._status.update(step)

    def __enter__(self) -> Progress:
        if self._enabled:
            self._timer = threading.Timer(self.DELAY, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        with self._lock:
            self._finish()
            if self._status is not None:
                self._status.stop()

    def _show(self) -> None:
        from rich.console import Console

        with self._lock:
            self._status = Console(stderr=True).status(self._step)
            self._status.start()

    def _finish(self) -> None:
        """Leave a line for a step that took long."""
        seconds = time.monotonic() - self._since
        if self._status is not None and self._step and seconds > self.DELAY:
            self._status.console.print(f"[dim]{self._step}: {seconds:.1f} s[/dim]")
