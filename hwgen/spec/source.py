"""Bytes of a spec file, checked before anything looks inside."""

from __future__ import annotations

from pathlib import Path

from hwgen.errors import Diagnostic, Mark
from hwgen.spec.limits import MAX_BYTES

__all__ = ["read_text"]


def read_text(path: Path) -> tuple[str | None, list[Diagnostic]]:
    """Return the text of a file, or None and why it cannot be read.

    Returns
    -------
    text
        At most ``MAX_BYTES`` bytes, decoded.
    diagnostics
        HG101 (no such file, not a file, not readable), HG102 (too large), HG103 (not UTF-8).
    """
    file = str(path)

    def refuse(
        code: str, message: str, hint: str, mark: Mark | None = None
    ) -> tuple[None, list[Diagnostic]]:
        return None, [Diagnostic(code, message, mark or Mark(file), hint)]

    try:
        if not path.exists():
            return refuse("HG101", "there is no such file", "hwgen init writes a starter spec")
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "not a regular file"
            return refuse("HG101", f"this is {kind}", "give the path of a spec, a YAML file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return refuse("HG101", f"cannot be read: {reason}", "give the path of a readable file")
    if len(data) > MAX_BYTES:
        size = f"a spec has at most {MAX_BYTES} bytes; weights belong into a file of their own"
        return refuse("HG102", f"more than {MAX_BYTES} bytes", size)
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        mark = Mark(file, before.count(b"\n") + 1, column)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        return refuse("HG103", message, "save the file as UTF-8", mark)
