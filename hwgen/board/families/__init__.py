"""What differs between FPGA families: synthesis, clock generator, place and route.

A family that hwgen can route is a module here named as in the board files, with the functions
of :class:`Family`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from hwgen.board.model import Board
from hwgen.errors import ToolError

__all__ = ["Family", "Routed", "Usage", "load_family"]

_FAMILIES = ("ecp5",)


@dataclass(frozen=True)
class Usage:
    """How much of one resource a design takes."""

    used: int
    available: int


@dataclass(frozen=True)
class Routed:
    """What place and route gave.

    Parameters
    ----------
    bitstream
        The file for the board.
    area
        ``lut4, ff, multipliers, block_ram, lutram``, and other cells under the family's names.
    fmax_mhz
        Highest frequency of the slowest clock, after routing; None without a register.
    """

    bitstream: Path
    area: Mapping[str, Usage]
    fmax_mhz: float | None


class Family(Protocol):
    """The functions of a family's module."""

    def make_pll(self, source_mhz: Fraction, clock_mhz: Fraction) -> Any:
        """Return the component that makes one clock of the other, exactly."""

    def check_clock(self, source_mhz: Fraction, clock_mhz: Fraction) -> None:
        """Make sure that :meth:`make_pll` can.

        Raises
        ------
        LimitError
            HG822 with the nearest frequencies that can be made.
        """

    def constraints(self, board: Board) -> str:
        """Return the constraint file of the board top."""

    def route(self, board: Board, folder: Path, seed: int) -> Routed:
        """Place, route and pack ``folder/netlist.json`` with ``folder/constraints.*``.

        Raises
        ------
        LimitError
            HG824 if the device is too small.
        """

    def tools(self) -> dict[str, str]:
        """Return the programs that ``route`` runs, and their versions."""


def load_family(name: str) -> Family:
    """Return the module of a family.

    Raises
    ------
    ToolError
        HG827 if hwgen cannot route it.
    """
    if name not in _FAMILIES:
        raise ToolError(
            "HG827",
            f"hwgen makes no bitstreams for the family {name!r}",
            hint=f"families: {', '.join(_FAMILIES)}; hwgen build emits Verilog for any other tool",
        )
    return cast("Family", import_module(f"hwgen.board.families.{name}"))
