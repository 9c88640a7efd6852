"""The manifest of a build: which stages made it, of what, and which files each one wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hwgen.flow.folder import MANIFEST
from hwgen.serialize import dumps, file_digest, restore

__all__ = ["FORMAT", "Manifest", "StageRecord", "read_manifest"]

FORMAT = 1
"""Version of the manifest's own layout; a manifest of another one is not used."""


@dataclass(frozen=True)
class StageRecord:
    """One stage that ran.

    Parameters
    ----------
    key
        Hash of all that the stage depends on: the spec's part, data files, code, tools.
    files
        SHA-256 of each file that it wrote, by path in the build.
    """

    key: str
    files: Mapping[str, str]

    def intact(self, folder: Path) -> bool:
        """Return whether all files are there with the content that the stage gave them."""
        paths = {name: folder / name for name in self.files}
        return all(path.is_file() for path in paths.values()) and all(
            file_digest(paths[name]) == content for name, content in self.files.items()
        )


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says; it holds no date and no path, so that builds can be compared.

    Parameters
    ----------
    identity
        SHA-256 of the qgraph and the plan, 64 hex digits: two builds with the same identity
        compute the same values in the same cycles.
    tools
        Versions of the packages that took part.
    stages
        By name, in the order of the pipeline.
    """

    hwgen: str
    name: str
    identity: str
    tools: Mapping[str, str]
    stages: Mapping[str, StageRecord] = field(default_factory=dict)
    format: int = FORMAT

    def text(self) -> str:
        """Return the content of ``manifest.json``."""
        return dumps(self)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a build, or None if there is none that this version understands."""
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return None
        return restore(Manifest, data, {})
    except (OSError, ValueError, KeyError, TypeError):
        return None
