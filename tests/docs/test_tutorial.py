"""The tutorial works as it is printed: its commands run, and print what it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def steps():
    """Yield (kind, command or program, expected output)."""
    for kind, text in BLOCK.findall(TUTORIAL.read_text()):
        if kind == "python":
            yield kind, text, "...\n"
            continue
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            yield kind, command, expected


def pattern(expected):
    """Return the expected output as a pattern; ``...`` is anything, and spaces are all one."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in expected.split("...")]
    return re.compile(r"\s*" + r".*?".join(parts) + r"\s*", re.DOTALL)


def run(kind, text, folder):
    home = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{home}{os.pathsep}{os.environ['PATH']}"}
    argv = [sys.executable, "-P", "-c", text] if kind == "python" else ["bash", "-c", text]
    done = subprocess.run(
        argv,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    code = f"[exit code {done.returncode}]\n" if done.returncode else ""
    return done.stdout + code


@pytest.mark.verilator
@pytest.mark.hls
def test_the_tutorial(tmp_path):
    for kind, text, expected in steps():
        printed = run(kind, text, tmp_path)
        assert pattern(expected).fullmatch(printed), f"$ {text}\n{printed}\nexpected:\n{expected}"
        if kind == "python":
            assert "conv2 (4, 16, 4, 4)" in printed


def test_the_patterns_are_not_too_loose():
    assert pattern("cnn: ... 5\n...\nlast\n").fullmatch("cnn:  4 5\na\nb\nlast\n")
    assert not pattern("cnn: ... 5\n").fullmatch("cnn: 4 6\n")
    assert not pattern("one\n").fullmatch("one\ntwo\n")


def test_there_is_something_to_run():
    assert len(list(steps())) >= 14
