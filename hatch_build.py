"""Ship the data folders in the wheel as ``hwgen/_data/``: listed suffixes only."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIP = {
    "hls": {".hpp", ".j2", ".tcl"},
    "sim": {".py", ".cpp", ".hpp", ".vlt"},
    "boards": {".yaml", ".lpf"},
}


class DataFolders(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":  # a checkout is read in place
            return
        for folder, suffixes in SHIP.items():
            for path in sorted(Path(self.root, folder).rglob("*")):
                if path.is_file() and path.suffix in suffixes:
                    relative = path.relative_to(self.root).as_posix()
                    build_data["force_include"][str(path)] = f"hwgen/_data/{relative}"
