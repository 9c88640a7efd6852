"""Divider settings of the ECP5's clock generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hwgen.errors import LimitError

__all__ = ["Dividers", "find_dividers"]

# Limits in MHz: Lattice FPGA-DS-02012, "sysCLOCK PLL Timing".
_SOURCE = (8, 400)
_DETECTOR = (10, 400)
_OSCILLATOR = (400, 800)
_CLOCK = (Fraction("3.125"), 400)
_MOST = 128
_DECIMALS = 10**6  # a spec writes a frequency with at most six decimals


@dataclass(frozen=True)
class Dividers:
    """``clock = source / input_div * loop_div / output_div``.

    The feedback divider is 1: the loop divider alone sets the oscillator.
    """

    input_div: int
    loop_div: int
    output_div: int

    def clock(self, source_mhz: Fraction) -> Fraction:
        """Return the frequency of the output in MHz."""
        return source_mhz * self.loop_div / (self.input_div * self.output_div)


def find_dividers(source_mhz: Fraction, clock_mhz: Fraction) -> Dividers:
    """Return settings that make exactly this clock.

    Of several, the one that divides the source least, then the one whose oscillator is nearest
    to the middle of its range.

    Raises
    ------
    LimitError
        HG822 if there are none; the hint has the nearest frequencies below and above.
    """
    if not _SOURCE[0] <= source_mhz <= _SOURCE[1]:
        raise LimitError(
            "HG822",
            f"the PLL cannot use a source of {float(source_mhz):g} MHz",
            hint=f"sources are from {_SOURCE[0]} to {_SOURCE[1]} MHz",
        )
    middle = sum(_OSCILLATOR) // 2
    legal = list(_legal(source_mhz))
    exact = [item for item in legal if item.clock(source_mhz) == clock_mhz]
    if not exact:
        raise LimitError(
            "HG822",
            f"a clock of {float(clock_mhz):g} MHz cannot be made of {float(source_mhz):g} MHz",
            hint=f"accelerator.clock_mhz: {_nearest(legal, source_mhz, clock_mhz)}",
        )
    return min(
        exact,
        key=lambda d: (
            d.input_div,
            abs(d.clock(source_mhz) * d.output_div - middle),
            d.output_div,
        ),
    )


def _legal(source_mhz: Fraction) -> Iterator[Dividers]:
    for input_div in range(1, _MOST + 1):
        detector = source_mhz / input_div
        if not _DETECTOR[0] <= detector <= _DETECTOR[1]:
            continue
        for loop_div in range(1, _MOST + 1):
            oscillator = detector * loop_div
            if not _OSCILLATOR[0] <= oscillator <= _OSCILLATOR[1]:
                continue
            for output_div in range(1, _MOST + 1):
                if _CLOCK[0] <= oscillator / output_div <= _CLOCK[1]:
                    yield Dividers(input_div, loop_div, output_div)


def _nearest(legal: list[Dividers], source_mhz: Fraction, clock_mhz: Fraction) -> str:
    clocks = {item.clock(source_mhz) for item in legal}
    typed = {clock for clock in clocks if (clock * _DECIMALS).denominator == 1}
    below = max((clock for clock in typed if clock < clock_mhz), default=None)
    above = min((clock for clock in typed if clock > clock_mhz), default=None)
    return " or ".join(f"{float(clock):.9g}" for clock in (below, above) if clock is not None)
