"""The build folder: replaced as a whole or not at all, and by one process at a time.

A build is written beside its target and put in place by one rename, so that a build which is
killed, interrupted or out of disk leaves the previous one as it was.  What a killed build left
behind is removed by the next one.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hwgen.errors import LimitError, SpecError

__all__ = [
    "MANIFEST",
    "Replacement",
    "check_target",
    "locked",
    "replacing",
    "write_errors",
    "write_text",
]

MANIFEST = "manifest.json"
"""The file that makes a folder a build of hwgen."""

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h


def check_target(target: Path, spec: Path) -> None:
    """Refuse a target that a build must not replace.

    Parameters
    ----------
    target, spec
        Absolute paths of the build folder and of the spec's file.

    Raises
    ------
    SpecError
        HG910 if the target is a file, the folder of the spec, or a folder with other content;
        HG913 if it cannot even be looked at.
    """
    if target == spec.parent or target in spec.parents:
        raise SpecError(
            "HG910",
            f"{target} holds the spec itself and would be replaced as a whole",
            hint="name a folder of its own: -o build",
        )
    with write_errors(target, only_files=True):
        if not os.path.lexists(target) or (target / MANIFEST).is_file():
            return
        if not target.is_dir():
            raise SpecError("HG910", f"{target} is a file", hint="name a folder: -o build")
        empty = not any(target.iterdir())
    if not empty:
        raise SpecError(
            "HG910",
            f"{target} is not empty and is no build of hwgen, so it is not overwritten",
            hint="name a new or an empty folder: -o build",
        )


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of a build folder; nobody else can build or simulate there meanwhile.

    Raises
    ------
    SpecError
        HG911 if another process holds it.
    """
    path = target.parent / f".{target.name}.lock"
    with write_errors(target, only_files=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(path, target)
    try:
        with write_errors(target, only_files=True):
            _clean(target)
        yield
    finally:
        # Only the holder removes the file, and a waiting process checks that it is still there.
        path.unlink(missing_ok=True)
        os.close(lock)


@dataclass
class Replacement:
    """A build on its way.

    Parameters
    ----------
    new
        The folder to fill.
    old
        The previous build; readable until the block ends, may not exist.
    carry
        Folders of the previous build to move over, because they still belong to the new one.
    """

    new: Path
    old: Path
    carry: list[str] = field(default_factory=list)


@contextmanager
def replacing(target: Path) -> Iterator[Replacement]:
    """Give a new folder that replaces ``target`` when the block ends without an exception.

    To be used with the lock held.
    """
    with write_errors(target):
        new = target.parent / f".{target.name}.tmp-{os.getpid()}"
        new.mkdir()
        try:
            replacement = Replacement(new, target)
            yield replacement
            _swap(new, target)
            for name in replacement.carry:
                if (new / name).is_dir() and not (target / name).exists():
                    (new / name).rename(target / name)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    with write_errors(path, only_files=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def write_errors(path: Path, *, only_files: bool = False) -> Iterator[None]:
    """Turn an error of the file system into one that a user can act on.

    Parameters
    ----------
    path
        What the user asked for, for the message.
    only_files
        Whether the block does nothing but handle files, so that any such error is the user's.

    Raises
    ------
    LimitError
        HG912 if the disk or the quota is full, or the disk fails.
    SpecError
        HG913 if the path cannot be written.
    """
    try:
        yield
    except OSError as error:
        what = f"Cannot write {path}: {os.strerror(error.errno or 0)}"
        if error.errno in _FULL:
            hint = "make room, or name another folder with -o; the previous build is untouched"
            raise LimitError("HG912", what, hint=hint) from error
        if only_files or error.errno in _FORBIDDEN:
            raise SpecError("HG913", what, hint="name a path that you may write") from error
        raise


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}


def _lock(path: Path, target: Path) -> int:
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The previous holder may have removed the file that was just locked.
            with suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(lock).st_ino:
                    return lock
            os.close(lock)
        except BlockingIOError:
            os.close(lock)
            raise SpecError(
                "HG911",
                f"Another hwgen is working in {target}",
                hint="wait until it has ended, or name another folder with -o",
            ) from None


def _clean(target: Path) -> None:
    """Remove what killed builds left, and take back a build that one had just moved away."""
    for old in target.parent.glob(f".{target.name}.old-*"):
        if not target.exists():
            old.rename(target)
    for kind in ("old", "tmp"):
        for left in target.parent.glob(f".{target.name}.{kind}-*"):
            shutil.rmtree(left, ignore_errors=True)


def _swap(new: Path, target: Path) -> None:
    """Put ``new`` in place; afterwards ``new`` is the previous build, if there was one."""
    if not target.exists():
        new.rename(target)
        return
    if _exchange(new, target):
        return
    # A file system without exchange: the old build has another name for a moment, from which
    # `_clean` takes it back.
    away = new.with_name(new.name.replace(".tmp-", ".old-"))
    target.rename(away)
    new.rename(target)
    away.rename(new)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; False if the system cannot (renameat2(2), Linux 3.15)."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    names = (os.fsencode(first), os.fsencode(second))
    done: int = rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    return done == 0
