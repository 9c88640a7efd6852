"""The errors that hwgen raises on purpose, and the diagnostics of a spec.

A message states what is wrong, with the offending value, then what would be legal.  A code is
never reused; ``docs/errors.md`` explains each one.  Codes by area: 1xx spec, 2xx graph,
3xx quantisation, 4xx plan, 5xx RTL, 6xx HLS, 7xx verification, 8xx tools and boards,
9xx installation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "Diagnostic",
    "HwgenError",
    "LimitError",
    "Mark",
    "ResourceError",
    "SpecError",
    "ToolError",
    "VerificationError",
]


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a user's file; line and column count from 1."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Diagnostic:
    """One mistake of the user.

    Parameters
    ----------
    code
        Stable identifier, ``HG`` and three digits.
    message
        What is wrong, with the offending value; one sentence without a final full stop.
    where
        Place in the user's input, or None when it has none.
    hint
        What would be legal: values, the nearest name, the command to type.
    """

    code: str
    message: str
    where: Mark | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{place}{self.code}: {self.message}{hint}"


class HwgenError(Exception):
    """Base of every error a user can cause; the CLI prints it without a traceback.

    Parameters
    ----------
    code, message, where, hint
        See :class:`Diagnostic`.
    """

    exit_code = 2

    def __init__(
        self, code: str, message: str, *, where: Mark | None = None, hint: str = ""
    ) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = (Diagnostic(code, message, where, hint),)
        super().__init__(str(self.diagnostics[0]))

    @property
    def code(self) -> str:
        """Code of the first diagnostic."""
        return self.diagnostics[0].code


class SpecError(HwgenError):
    """The spec, its data or the arguments are wrong: exit code 2.  Holds every mistake found."""

    @classmethod
    def of(cls, diagnostics: Sequence[Diagnostic]) -> SpecError:
        """Return one error that carries all the diagnostics, sorted by place."""
        ordered = sorted(diagnostics, key=lambda d: (d.where or Mark(""), d.code, d.message))
        first = ordered[0]
        error = cls(first.code, first.message, where=first.where, hint=first.hint)
        error.diagnostics = tuple(ordered)
        error.args = ("\n".join(map(str, ordered)),)
        return error


class VerificationError(HwgenError):
    """Hardware, C++ or prediction differ from the golden model: exit code 1."""

    exit_code = 1


class ToolError(HwgenError):
    """A tool is missing or failed: exit code 3.  The hint is the one command that mends it."""

    exit_code = 3


class LimitError(HwgenError):
    """A limit is exceeded (device too small, clock missed): exit code 4."""

    exit_code = 4


class ResourceError(HwgenError):
    """A file that hwgen ships is missing: a broken installation (exit code 3)."""

    exit_code = 3
