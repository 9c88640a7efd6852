"""Yosys on netlists of ECP5, in a process of its own, which an error ends."""

import sys
from pathlib import Path

import pyosys

from hwgen.tools import ToolFailedError, run

__all__ = ["CELLS", "MULTIPLIER", "holds", "yosys"]

CELLS = Path(pyosys.__file__).parent / "share" / "ecp5" / "cells_sim.v"
"""Yosys's models of carries, LUTs and registers."""

MULTIPLIER = Path(__file__).parent / "mult18x18d.v"
"""A model of MULT18X18D."""


def yosys(folder, *commands):
    """Run passes in a folder; the output goes to ``yosys.log`` there."""
    argv = [sys.executable, "-m", "hwgen.board.yosys_worker", *commands]
    run(argv, cwd=folder, log=folder / "yosys.log", timeout=100)


def holds(folder, *commands):
    """Run passes that end with a proof; return whether it is found.  Other errors are raised."""
    try:
        yosys(folder, *commands)
    except ToolFailedError as error:
        assert "proof did fail" in error.output, error.output
        return False
    return True
