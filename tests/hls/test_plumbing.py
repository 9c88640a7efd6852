"""Feeds, forks, links and the window buffer keep every element, in order; links mend tensors."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from hwgen.resources import data_dir
from support.hls import TYPES, compile_cpp

HERE = Path(__file__).parent
FEEDS, LINKS = 8, 3


@pytest.mark.hls
@pytest.mark.parametrize("types", TYPES)
def test_elements_come_out_in_order(tmp_path, types):
    program = compile_cpp([HERE / "plumbing.cpp"], tmp_path / "plumbing", types)

    subprocess.run([program, "results"], cwd=tmp_path, check=True)

    expected = list(range(32)) * FEEDS
    expected += [i for i in range(32) for _ in range(2)] * LINKS
    expected += [*range(6), -5, -5]  # too short
    expected += [*range(6, 14), *range(20, 28), *range(28, 36)]  # too long, good, good
    expected += [start + i for start in range(0, 156, 3) for i in range(5)]
    assert np.fromfile(tmp_path / "results", "<i8").tolist() == expected


def test_headers_include_the_check_that_they_use():
    """One that relies on another to do so breaks in a top where that one comes later."""
    for path in sorted((data_dir("hls") / "include" / "hwgen").glob("*.hpp")):
        text = path.read_text()
        if "HWGEN_CHECK(" in text and path.name != "check.hpp":
            assert '#include "hwgen/check.hpp"' in text, path.name
