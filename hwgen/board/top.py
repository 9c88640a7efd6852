"""The Verilog of the circuit that goes onto a board."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hwgen.board.families import load_family
from hwgen.board.interface import Interface
from hwgen.board.model import Board
from hwgen.errors import LimitError

__all__ = ["TOP_NAME", "LinkTiming", "board_top", "board_verilog", "link_timing"]

TOP_NAME = "board_top"

_QUIET_S = 0.02
"""A frame ends after this time without a byte: USB serial bridges pause for some milliseconds."""
_STALL_S = 0.001
"""A request waits this long for a stream before it reports how far it got."""
_WORST_BAUD_ERROR = 0.02
"""Ten bits with 2 % error at either end are off by 0.4 bit at the last sample, below the half."""


class LinkTiming:
    """Clock cycles of the link for one clock and baud rate.

    Parameters
    ----------
    clock_mhz
        Clock of the accelerator and the link.
    baud
        Bits per second that the host uses.

    Raises
    ------
    LimitError
        HG823 if whole clock cycles per bit miss the baud rate by more than 2 %.
    """

    def __init__(self, clock_mhz: Fraction, baud: int) -> None:
        cycles = clock_mhz * 10**6 / baud
        self.divisor = round(cycles)
        self.error = abs(float(cycles / self.divisor) - 1) if self.divisor else 1.0
        """Relative error of the baud rate."""
        self.quiet = round(clock_mhz * 10**6 * Fraction(_QUIET_S))
        self.stall = round(clock_mhz * 10**6 * Fraction(_STALL_S))
        least = 4  # a receiver samples in the middle of a bit
        if self.divisor < least or self.error > _WORST_BAUD_ERROR:
            slow = -(-least * baud // 10**6)
            raise LimitError(
                "HG823",
                f"{baud} baud is {float(cycles):.3f} cycles of {float(clock_mhz):g} MHz: rounding "
                f"is {100 * self.error:.1f} % off, and at most {100 * _WORST_BAUD_ERROR:g} % works",
                hint=f"accelerator.clock_mhz: a multiple of {baud / 1e6:g}, at least {slow}",
            )


def link_timing(board: Board, clock_mhz: float) -> LinkTiming:
    """Return the link's cycles on this board; see :class:`LinkTiming`."""
    return LinkTiming(_exact(clock_mhz), board.link.baud)


def board_top(accelerator: Any, interface: Interface, board: Board, clock_mhz: float) -> Any:
    """Return the component of the whole circuit.

    Parameters
    ----------
    accelerator
        Component with the streams of ``interface`` and the register port.
    clock_mhz
        Its clock in MHz; what the board's family cannot make exactly is refused.

    Raises
    ------
    LimitError
        HG822 (clock), HG823 (baud rate), HG826 (streams too wide for the link).
    """
    from rtl_templates.link.board_top import BoardTop  # Amaranth takes time to load
    from rtl_templates.link.host_link import HostLink

    wanted, source = _exact(clock_mhz), _exact(board.clock.mhz)
    timing = LinkTiming(wanted, board.link.baud)
    pll = None if wanted == source else load_family(board.family).make_pll(source, wanted)
    try:
        link = HostLink(
            divisor=timing.divisor,
            quiet=timing.quiet,
            stall=timing.stall,
            identity=interface.to_bytes(),
            inputs={port.name: port.beat_bits for port in interface.inputs},
            outputs={port.name: port.beat_bits for port in interface.outputs},
        )
    except ValueError as error:
        raise LimitError(
            "HG826",
            f"{interface.name} does not fit the host link: {error}",
            hint="lower accelerator.budget.multipliers (narrower streams), or use fewer outputs",
        ) from None
    return BoardTop(
        accelerator,
        link,
        pll=pll,
        leds=len(board.leds),
        reset_low=None if board.reset is None else board.reset.active == "low",
        ties={name: tie.level for name, tie in board.ties.items()},
    )


def _exact(mhz: float) -> Fraction:
    """Return the decimal number that the user wrote."""
    return Fraction(repr(mhz))


def board_verilog(top: Any) -> str:
    """Return the Verilog of a board top; its module is called ``TOP_NAME``."""
    from amaranth.back import rtlil

    from hwgen.emit.rtl.yosys import verilog_of

    text = rtlil.convert(top, name=TOP_NAME, emit_src=False)
    return verilog_of(text, attributes=True)
