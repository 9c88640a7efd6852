"""From the Verilog of a board top to a bitstream, with its area and clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from hwgen.board.families import Usage, load_family
from hwgen.board.model import Board
from hwgen.board.synth import synthesise
from hwgen.errors import LimitError
from hwgen.serialize import dumps, file_digest

__all__ = ["BitstreamResult", "build_bitstream"]

_RESULT = "result.json"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class BitstreamResult:
    """A bitstream and what it took.

    Parameters
    ----------
    bitstream
        The file for the board.
    area
        ``lut4, ff, multipliers, block_ram, lutram`` after packing, and the family's own cells.
    fmax_mhz
        Of the slowest clock, by the router's timing analysis; 0 without a register.
    clock_mhz
        Clock that the accelerator runs at.
    seed
        Of the placer: another one gives another f_max.
    tools
        Versions of the programs.
    cached
        True if nothing had changed since the last time.
    """

    bitstream: Path
    area: Mapping[str, Usage]
    fmax_mhz: float
    clock_mhz: float
    seed: int
    tools: Mapping[str, str]
    cached: bool


def build_bitstream(
    verilog: str,
    top: str,
    board: Board,
    clock_mhz: float,
    folder: Path,
    *,
    seed: int = 1,
    progress: Progress | None = None,
) -> BitstreamResult:
    """Synthesise, place, route and pack.

    Parameters
    ----------
    verilog, top
        Text and top module of the whole circuit, ports as in
        :class:`rtl_templates.link.board_top.BoardTop`.
    clock_mhz
        Frequency that must be met.
    folder
        Receives all files; if it holds the result of the same inputs and tools, that is returned.
    seed
        Of the placer.
    progress
        Called with a line before each step.

    Raises
    ------
    LimitError
        HG824 if the design does not fit, HG825 if the clock is missed; the reports stay in
        ``folder``.
    ToolError
        If a tool is missing or fails.
    """
    family = load_family(board.family)
    tell = progress or (lambda line: None)
    tools = {"pyosys": metadata.version("pyosys"), **family.tools()}
    constraints = family.constraints(board)
    inputs = [verilog, top, board.model_dump(), constraints, clock_mhz, seed, tools]
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    result = _cached(folder, key)
    if result is None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _RESULT).unlink(missing_ok=True)
        (folder / "top.v").write_text(verilog)
        (folder / "constraints.lpf").write_text(constraints)
        tell(f"synthesis for {board.name}")
        cells = synthesise(folder, top, board.family)
        _check_room(board, cells)
        tell("place and route (the first time also compiles the tool: up to a minute)")
        routed = family.route(board, folder, seed)
        result = BitstreamResult(
            routed.bitstream,
            routed.area,
            round(routed.fmax_mhz or 0.0, 2),
            clock_mhz,
            seed,
            tools,
            cached=False,
        )
        _keep(folder, key, result)
    if result.fmax_mhz < clock_mhz:
        raise LimitError(
            "HG825",
            f"the router reaches {result.fmax_mhz:g} MHz, not {clock_mhz:g} MHz "
            f"(seed {result.seed})",
            hint=f"accelerator.clock_mhz: at most {result.fmax_mhz:g}; "
            f"the slowest paths are in {folder / 'route.log'}",
        )
    return result


def _check_room(board: Board, cells: Mapping[str, int]) -> None:
    """Refuse what cannot fit, without a long place and route that must fail."""
    have = board.resources.model_dump()
    over = [
        f"{cells[name]} {name} of {most}"
        for name, most in have.items()
        if cells.get(name, 0) > most
    ]
    if over:
        raise LimitError(
            "HG824",
            f"the design does not fit {board.name}: {', '.join(over)}",
            hint="lower accelerator.budget.multipliers, use schedule: sequential or narrower "
            "weights",
        )


def _keep(folder: Path, key: str, result: BitstreamResult) -> None:
    data = {
        "key": key,
        "bitstream": result.bitstream.name,
        "sha256": file_digest(result.bitstream),
        "area": {name: [row.used, row.available] for name, row in result.area.items()},
        "fmax_mhz": result.fmax_mhz,
        "clock_mhz": result.clock_mhz,
        "seed": result.seed,
        "tools": result.tools,
    }
    (folder / _RESULT).write_text(dumps(data))


def _cached(folder: Path, key: str) -> BitstreamResult | None:
    try:
        data = json.loads((folder / _RESULT).read_text())
        path = folder / data["bitstream"]
        if data["key"] != key or file_digest(path) != data["sha256"]:
            return None
        area = {name: Usage(*row) for name, row in data["area"].items()}
        fixed = (data["fmax_mhz"], data["clock_mhz"], data["seed"], data["tools"])
        return BitstreamResult(path, area, *fixed, cached=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None
