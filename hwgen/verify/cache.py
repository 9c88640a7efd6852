"""A cache of built things, by content: built once, also by processes that run side by side."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cache_dir", "cached", "content_key"]


def cache_dir() -> Path:
    """Return the folder of the cache: ``$HWGEN_CACHE``, else ``hwgen`` in the user's cache."""
    own = os.environ.get("HWGEN_CACHE")
    if own:
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hwgen"


def content_key(*parts: str | bytes) -> str:
    """Return a hash of the parts, in order, 32 hex digits."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:32]


def cached(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder that ``build`` filled for this key, at present or at any time before.

    ``build`` works in a temporary folder that is renamed when it is complete, so that a build
    that was killed leaves nothing half made.  Of several processes that want the same key one
    builds and the others wait.

    Parameters
    ----------
    kind
        Folder of the cache: ``models``, ``runtime``.
    key
        From :func:`content_key`.
    build
        Gets an empty folder to fill.
    """
    home = cache_dir() / kind
    target = home / key
    if target.is_dir():
        return target
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home / f"{key}.lock"):
        if not target.is_dir():
            work = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=home))
            try:
                build(work)
                work.rename(target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return target


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
