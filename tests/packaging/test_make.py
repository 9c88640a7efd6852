"""The Makefile says what is missing before it starts, and sets up once."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make")


def make(target, folder, path, **variables):
    words = [f"{name}={value}" for name, value in variables.items()]
    return subprocess.run(
        [MAKE, "-f", ROOT / "Makefile", target, *words],
        cwd=folder,
        env={"PATH": str(path), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def script(path, text):
    path.unlink(missing_ok=True)  # never write through a link to the real program
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path):
    """A PATH with nothing but python3 and a g++."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    script(folder / "g++", "exit 0")
    return folder


def test_all_is_there(tmp_path, programs):
    done = make("prerequisites", tmp_path, programs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_compiler(tmp_path, programs):
    (programs / "g++").unlink()
    done = make("prerequisites", tmp_path, programs)
    assert done.returncode != 0
    assert done.stderr.startswith("error: g++ is missing; try: apt-get install g++\n")


def test_no_python(tmp_path, programs):
    (programs / "python3").unlink()
    done = make("prerequisites", tmp_path, programs)
    assert done.stderr.startswith("error: python3 is missing; try: apt-get install python3")


def test_an_old_python(tmp_path, programs):
    script(programs / "python3", '[ "$1" = -V ] && echo Python 3.9.2; [ "$1" = -V ]')
    done = make("prerequisites", tmp_path, programs)
    assert done.stderr.startswith(
        "error: python3 is Python 3.9.2; hwgen needs Python 3.11 or newer: make PYTHON="
    )


def test_set_up_is_done_once_for_each_lock(tmp_path, programs):
    log = tmp_path / "log"
    script(
        programs / "python3",
        f'case "$*" in *hashlib*) exec {sys.executable} "$@";; esac\n'
        f'echo "$*" >> {log}\n'
        'if [ "$2" = venv ]; then /bin/mkdir -p .venv/bin; /bin/cp "$0" .venv/bin/python; fi',
    )
    (tmp_path / "requirements.lock").write_text("a==1\n")
    (tmp_path / "requirements-hls.lock").write_text("h==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    path = f"{programs}{os.pathsep}/bin{os.pathsep}/usr/bin"

    def installs():
        log.write_text("")
        done = make("setup", tmp_path, path)
        assert done.returncode == 0, done.stderr
        return [line for line in log.read_text().splitlines() if "pip install" in line]

    first = installs()
    assert ["-r requirements.lock" in line for line in first] == [True, False, False]
    assert first[1].endswith("--no-deps -r requirements-hls.lock")
    assert first[2].endswith("--no-deps --no-build-isolation -e .")
    assert installs() == []
    (tmp_path / "requirements.lock").touch()
    assert installs() == []
    (tmp_path / "requirements.lock").write_text("a==2\n")
    assert len(installs()) == 3
    want = hashlib.sha256(b"a==2\nh==1\n[project]\n").hexdigest()
    assert (tmp_path / ".venv" / ".hwgen-setup").read_text() == f"{want}\n"


def test_ci_runs_make_test():
    script_text = (ROOT / ".ci" / "run").read_text()
    assert script_text.startswith("#!/usr/bin/env bash\n")
    assert script_text.rstrip().endswith("make test")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
