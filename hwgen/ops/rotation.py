"""Angles of a rotary embedding: phases that never drift, and a quarter of a sine.

A phase counts 2**-32 turns.  Position p has phase ``p * step mod 2**32`` at each frequency, so a
phase accumulator is exact after any number of tokens; the step itself is rounded to 2**-33 turns.
The upper 12 bits of a phase pick one of 4,096 equal arcs, and the sine is that of the arc's middle,
so all four quarters have the same 1,024 magnitudes, forwards or backwards.  An angle is therefore
wrong by at most pi / 4096 (half an arc) + p * pi * 2**-32.
"""

from __future__ import annotations

import numpy as np

from hwgen.ops.arithmetic import Int

__all__ = ["ARCS", "UNIT", "phase_steps", "quarter_sine", "sines"]

ARCS = 4096
"""Arcs of a turn; what the upper 12 bits of a phase count."""

UNIT = 1 << 15
"""The code of a sine of 1."""

_TURN = 1 << 32


def phase_steps(size: int, theta: float) -> tuple[int, ...]:
    """Return the phase of position 1 at each of ``size / 2`` frequencies, in 2**-32 turns.

    Frequency i turns by ``theta**(-2 i / size)`` radians per position (Su et al., "RoFormer",
    arXiv 2104.09864, section 3.4.3).

    Examples
    --------
    >>> phase_steps(4, 10000.0)
    (683565276, 6835653)
    """
    radians = theta ** (-2.0 * np.arange(size // 2) / size)
    return tuple(int(step) for step in np.floor(radians / (2 * np.pi) * _TURN + 0.5))


def quarter_sine() -> Int:
    """Return the sines of the first 1,024 arcs: 16-bit unsigned codes, 2**15 is 1.

    Examples
    --------
    >>> quarter_sine()[[0, 511, 1023]].tolist()
    [25, 23153, 32768]
    """
    quarter = ARCS // 4
    angle = (np.arange(quarter) + 0.5) * (np.pi / 2 / quarter)
    codes: Int = np.floor(np.sin(angle) * UNIT + 0.5).astype(np.int64)
    return codes


def sines(phases: Int, quarter: Int) -> tuple[Int, Int]:
    """Return sine and cosine codes of phases in [0, 2**32).

    Parameters
    ----------
    quarter
        :func:`quarter_sine`.
    """
    arc = phases >> 20
    return _sine(arc, quarter), _sine(arc + ARCS // 4, quarter)


def _sine(arc: Int, quarter: Int) -> Int:
    size = ARCS // 4
    place = arc % size
    backwards = (arc // size) % 2 == 1
    magnitude = quarter[np.where(backwards, size - 1 - place, place)]
    negative = (arc // (2 * size)) % 2 == 1
    signed: Int = np.where(negative, -magnitude, magnitude)
    return signed
