"""Files stay small enough to read."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 600
FOLDERS = ("hwgen", "rtl_templates", "hls", "sim", "tests", "benchmarks", "examples")
SUFFIXES = {".py", ".hpp", ".cpp", ".j2", ".tcl"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_source_file_is_long(folder):
    paths = [path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in paths
        if "__pycache__" not in path.parts and (count := len(path.read_text().splitlines())) > LIMIT
    }
    assert long == {}
