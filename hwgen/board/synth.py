"""Synthesis with Yosys, and how much hardware came out."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import ToolError
from hwgen.tools import run

__all__ = ["SYNTH_FAMILIES", "synth_stats", "synthesise"]


@dataclass(frozen=True)
class _Synth:
    """How a family is synthesised, and which cells count as what."""

    command: str
    cells: dict[str, dict[str, int]]


# A LUT of any size counts once; a carry cell or a distributed RAM counts as the LUTs it takes.
_LUT6 = {f"LUT{size}": 1 for size in range(1, 7)}
_FAMILIES = {
    "ecp5": _Synth(
        "synth_ecp5",
        {
            "lut4": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 2},
            "ff": {"TRELLIS_FF": 1},
            "multipliers": {"MULT18X18D": 1},
            "block_ram": {"DP16KD": 1},
            "lutram": {"TRELLIS_DPR16X4": 1},
        },
    ),
    "ice40": _Synth(
        "synth_ice40 -dsp",
        {
            "lut4": {"SB_LUT4": 1},
            "ff": {
                f"SB_DFF{clock}{kind}": 1
                for clock in ("", "N")
                for kind in ("", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES")
            },
            "multipliers": {"SB_MAC16": 1},
            "block_ram": {"SB_RAM40_4K": 1},
            "lutram": {},
        },
    ),
    "xilinx": _Synth(
        "synth_xilinx -family xc7 -flatten",
        {
            "lut6": _LUT6,
            "ff": {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1},
            "multipliers": {"DSP48E1": 1},
            "block_ram": {"RAMB36E1": 2, "RAMB18E1": 1},
            "lutram": {"RAM32M": 1, "RAM64M": 1, "RAM32X1D": 1, "RAM64X1D": 1, "RAM128X1D": 1},
        },
    ),
    "xcup": _Synth(
        "synth_xilinx -family xcup -flatten",
        {
            "lut6": _LUT6,
            "ff": {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1},
            "multipliers": {"DSP48E2": 1},
            "block_ram": {"RAMB36E2": 2, "RAMB18E2": 1},
            "lutram": {"RAM32M": 1, "RAM64M": 1, "RAM32M16": 1, "RAM64M8": 1},
        },
    ),
    "nexus": _Synth(
        "synth_nexus -family lifcl",
        {
            "lut4": {"LUT4": 1, "CCU2": 2},
            "ff": {"FD1P3BX": 1, "FD1P3DX": 1, "FD1P3IX": 1, "FD1P3JX": 1},
            "multipliers": {"MULT9X9": 1, "MULT18X18": 1, "MULT18X36": 1, "MULT36X36": 1},
            "block_ram": {"PDPSC16K": 1, "PDP16K": 1, "DP16K": 1},
            "lutram": {"DPR16X4": 1},
        },
    ),
    "gowin": _Synth(
        "synth_gowin -family gw2a",
        {
            "lut4": {"LUT1": 1, "LUT2": 1, "LUT3": 1, "LUT4": 1, "ALU": 1},
            "ff": {f"DFF{kind}": 1 for kind in ("", "E", "S", "SE", "R", "RE")},
            "multipliers": {"MULT9X9": 1, "MULT18X18": 1, "MULT36X36": 1},
            "block_ram": {"SDPB": 1, "SP": 1, "DPB": 1},
            "lutram": {"RAM16SDP4": 1, "RAM16SDP2": 1, "RAM16SDP1": 1},
        },
    ),
}
SYNTH_FAMILIES = tuple(_FAMILIES)
"""Families that :func:`synth_stats` knows."""


def synthesise(folder: Path, top: str, family: str) -> dict[str, int]:
    """Synthesise ``folder/top.v``; write ``netlist.json`` and ``cells.json`` beside it.

    Returns
    -------
    dict
        Cells by the family's own names, and as ``lut4`` (``lut6`` for xilinx and xcup), ``ff``,
        ``multipliers``, ``block_ram`` (18 kbit, 4 kbit for ice40) and ``lutram``; carry cells
        and distributed RAM count as the LUTs they occupy.

    Raises
    ------
    ToolError
        HG827 for an unknown family; HG802 if Yosys fails.
    """
    if family not in _FAMILIES:
        legal = ", ".join(SYNTH_FAMILIES)
        raise ToolError("HG827", f"no synthesis for the family {family!r}", hint=legal)
    passes = (
        "read_verilog top.v",
        f"{_FAMILIES[family].command} -top {top} -json netlist.json",
        "tee -q -o cells.json stat -json",
    )
    worker = [sys.executable, "-m", "hwgen.board.yosys_worker"]
    run([*worker, *passes], cwd=folder, log=folder / "synth.log")
    counts = json.loads((folder / "cells.json").read_text())
    cells: dict[str, int] = counts["design"]["num_cells_by_type"]
    kinds = _FAMILIES[family].cells
    area = {
        kind: sum(cells.get(cell, 0) * weight for cell, weight in members.items())
        for kind, members in kinds.items()
    }
    return area | dict(sorted(cells.items()))


def synth_stats(verilog: str, top: str, family: str) -> dict[str, int]:
    """Return the area of a Verilog text after synthesis; see :func:`synthesise`.

    Figures before place and route: packing and routing add some.
    """
    with tempfile.TemporaryDirectory(prefix="hwgen-synth-") as name:
        folder = Path(name)
        (folder / "top.v").write_text(verilog)
        return synthesise(folder, top, family)
