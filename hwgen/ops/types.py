"""Integer types of the qgraph's edges, and the requantisation that ends an op."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwgen.ops.arithmetic import Int, round_shift, saturate
from hwgen.ops.events import saturated

__all__ = ["QType", "Requant"]


@dataclass(frozen=True)
class QType:
    """Type of a tensor's codes: real value = ``(code - zero_point) * scale``.

    Parameters
    ----------
    bits
        Width of a code, 2 to 32 bits.
    signed
        Two's complement if true, else unsigned (a range without negative values).
    scale
        Real value of one code step, positive; 1.0 for counts and indices.
    zero_point
        Code of real zero; inside ``[low, high]``.
    count
        Codes in use, from ``low`` on: ids of a vocabulary; 0 if all ``2**bits`` are.
    """

    bits: int
    signed: bool
    scale: float
    zero_point: int = 0
    count: int = 0

    @property
    def low(self) -> int:
        """Smallest code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest code."""
        if self.count:
            return self.low + self.count - 1
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1


@dataclass(frozen=True, eq=False)
class Requant:
    """``y = clamp(((acc * M + C) >> s) + z, low, high)`` with ``C = 2**(s-1) + offset``.

    Parameters
    ----------
    multiplier
        ``M``: int64, shape (n,), each in [0, 2**16); per output channel (n = channels), per
        input (add, concat: n = number of inputs) or for all (n = 1).
    shift
        ``s``: 0 to 47 bits; rounding is half up, so ``2**(s-1)`` counts as 0 for ``s = 0``.
    zero_point
        ``z``: added after the shift.
    low, high
        Inclusive clamp: saturation, and ReLU when ``low`` is the zero point.
    offset
        Constant that folds the inputs' zero points, int64, shape (n,) like ``multiplier``
        or (1,); 0 for MAC ops, whose bias holds it.
    """

    multiplier: Int
    shift: int
    zero_point: int
    low: int
    high: int
    offset: Int

    @property
    def identity(self) -> bool:
        """True if scaling changes no value, so that hardware needs no multiplier."""
        return bool(np.all(self.multiplier == 1 << self.shift)) and not np.any(self.offset)

    def apply(self, acc: Int, channel_axis: int | None = None) -> Int:
        """Return the codes of ``acc``; per-channel factors run along ``channel_axis``."""
        multiplier, offset = self.multiplier, self.offset
        if channel_axis is not None and multiplier.size > 1:
            shape = [1] * acc.ndim
            shape[channel_axis] = -1
            multiplier = multiplier.reshape(shape)
            offset = offset.reshape(shape) if offset.size > 1 else offset
        return self.finish(acc * multiplier + offset)

    def finish(self, scaled: Int) -> Int:
        """Return the codes of already multiplied values: round, shift, offset, clamp."""
        value = round_shift(scaled, self.shift) + self.zero_point
        saturated(value, self.low, self.high, self.zero_point)
        return saturate(value, self.low, self.high)
