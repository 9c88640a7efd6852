"""The Verilog of the circuit that goes onto a board."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hwgen.board.families import load_family
from hwgen.board.interface import Interface
from hwgen.board.model import Board
from hwgen.errors import LimitError

__all__ = ["TOP_NAME", "LinkTiming", "board_top", "board_verilog", "link_timing"]

TOP_NAME = "board_top"

_QUIET_S = Fraction("0.02")
"""A frame ends after this time without a byte: USB serial bridges pause for some milliseconds."""
_STALL_S = Fraction("0.001")
"""A request waits this long for a stream before it reports how far it got."""
_WORST_BAUD_ERROR = 0.02
"""Ten bits with 2 % error at either end are off by 0.4 bit at the last sample, below the half."""
_LEAST_DIVISOR = 4
"""Cycles per bit: fewer, and the receiver cannot sample in the middle of one."""


@dataclass(frozen=True)
class LinkTiming:
    """Clock cycles of the link.

    Parameters
    ----------
    divisor
        Cycles per bit of the serial line.
    quiet
        Cycles without a byte that end a frame.
    stall
        Cycles without a transfer after which a request reports how far it got.
    baud_error
        Relative error of the baud rate, from rounding ``divisor``.
    """

    divisor: int
    quiet: int
    stall: int
    baud_error: float = 0.0


def link_timing(board: Board, clock_mhz: float) -> LinkTiming:
    """Return the link's cycles on this board.

    Raises
    ------
    LimitError
        HG823 if whole clock cycles per bit miss the baud rate by more than 2 %.
    """
    hertz, baud = _exact(clock_mhz) * 10**6, board.link.baud
    cycles = hertz / baud
    divisor = max(1, round(cycles))
    error = abs(float(cycles / divisor) - 1)
    if divisor < _LEAST_DIVISOR or error > _WORST_BAUD_ERROR:
        raise LimitError(
            "HG823",
            f"one bit at {baud} baud is {float(cycles):.3f} cycles of {clock_mhz:g} MHz: whole "
            f"cycles are {100 * error:.1f} % off, and at most {100 * _WORST_BAUD_ERROR:g} % works",
            hint=f"accelerator.clock_mhz: a multiple of {baud / 1e6:g}, "
            f"at least {_LEAST_DIVISOR * baud / 1e6:g}",
        )
    return LinkTiming(divisor, round(hertz * _QUIET_S), round(hertz * _STALL_S), error)


def check_fit(interface: Interface, board: Board, clock_mhz: float) -> None:
    """Make sure that a board top can be made, before anything large is built.

    Raises
    ------
    LimitError
        HG822 (the family cannot make this clock), HG823 (baud rate), HG826 (the streams or
        their names are too much for the link).
    """
    from rtl_templates.link.protocol import MAX_PAYLOAD, WRITE_HEAD

    source, wanted = _exact(board.clock.mhz), _exact(clock_mhz)
    if wanted != source:
        load_family(board.family).check_clock(source, wanted)
    link_timing(board, clock_mhz)
    hint = "lower accelerator.budget.multipliers (narrower streams), or use fewer outputs"
    limit = MAX_PAYLOAD - WRITE_HEAD
    for port in (*interface.inputs, *interface.outputs):
        if port.beat_bytes > limit:
            message = (
                f"a beat of {port.name} takes {port.beat_bytes} bytes, and a frame of the host "
                f"link carries {limit}"
            )
            raise LimitError("HG826", message, hint=hint)
    block = len(interface.to_bytes())
    if block >= MAX_PAYLOAD:
        message = (
            f"the names and shapes of {interface.name}'s streams take {block} bytes, and the "
            f"host link has room for {MAX_PAYLOAD - 1}"
        )
        raise LimitError("HG826", message, hint="use shorter names or fewer outputs")


def board_top(
    accelerator: Any,
    interface: Interface,
    board: Board,
    clock_mhz: float,
    *,
    timing: LinkTiming | None = None,
) -> Any:
    """Return the component of the whole circuit; :func:`check_fit` says whether there is one.

    Parameters
    ----------
    accelerator
        Component with the streams of ``interface`` and the register port.
    clock_mhz
        Its clock in MHz.
    timing
        Other cycles for the link than the board's: a simulation has no time for milliseconds.
    """
    from rtl_templates.link.board_top import BoardTop  # Amaranth takes time to load
    from rtl_templates.link.host_link import HostLink

    wanted, source = _exact(clock_mhz), _exact(board.clock.mhz)
    pll = None if wanted == source else load_family(board.family).make_pll(source, wanted)
    timing = timing or link_timing(board, clock_mhz)
    link = HostLink(
        divisor=timing.divisor,
        quiet=timing.quiet,
        stall=timing.stall,
        identity=interface.to_bytes(),
        inputs={port.name: port.beat_bits for port in interface.inputs},
        outputs={port.name: port.beat_bits for port in interface.outputs},
    )
    return BoardTop(
        accelerator,
        link,
        pll=pll,
        leds=len(board.leds),
        reset_low=None if board.reset is None else board.reset.active == "low",
        ties={name: tie.level for name, tie in board.ties.items()},
    )


def board_verilog(top: Any) -> str:
    """Return the Verilog of a board top; its module is called ``TOP_NAME``."""
    from amaranth.back import rtlil

    from hwgen.emit.rtl.yosys import verilog_of

    text = rtlil.convert(top, name=TOP_NAME, emit_src=False)
    return verilog_of(text, readable=False)


def _exact(mhz: float) -> Fraction:
    """Return the decimal number that the user wrote."""
    return Fraction(repr(mhz))
