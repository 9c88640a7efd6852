"""The identity of the code that makes a build: a cached result of other code is not used."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata, util
from pathlib import Path

import hwgen
from hwgen.resources import data_root

__all__ = ["TOOLS", "code_digest", "tool_versions"]

TOOLS = ("amaranth", "pyosys", "numpy", "jinja2")
"""Packages whose version can change what a build contains."""


def tool_versions() -> dict[str, str]:
    """Return the version of each of :data:`TOOLS`."""
    return {name: metadata.version(name) for name in TOOLS}


@cache
def code_digest() -> str:
    """Return the SHA-256 of hwgen's code, of the files that it ships and of its tools' versions."""
    found = util.find_spec("rtl_templates")
    places = list(found.submodule_search_locations or []) if found else []
    roots = [Path(hwgen.__file__).parent, *map(Path, places)]
    roots += [data_root() / kind for kind in ("hls", "sim", "boards")]
    content = hashlib.sha256(repr(sorted(tool_versions().items())).encode())
    for root in roots:
        for path in sorted(root.rglob("*")):
            if "__pycache__" in path.parts or "_data" in path.relative_to(root).parts:
                continue
            if path.is_file():
                name = f"{root.name}/{path.relative_to(root).as_posix()}"
                content.update(f"\0{name}\0".encode() + path.read_bytes())
    return content.hexdigest()
