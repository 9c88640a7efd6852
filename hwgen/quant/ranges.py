"""Choose the type of an activation from a histogram of its calibrated values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwgen.ops.base import Real
from hwgen.ops.types import QType

__all__ = ["Histogram", "choose_type"]

_BINS = 2048
_CLIPS = np.linspace(1.1, 0.2, 91)
_COARSE_CLIPS = np.linspace(1.0, 0.3, 15)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Smallest and largest value, and the bins' mean values and counts (empty ones left out)."""

    low: float
    high: float
    centers: Real
    counts: Real

    @classmethod
    def of(cls, values: Real) -> Histogram:
        """Return the histogram of finite values, at least one."""
        flat = values.ravel()
        low, high = float(flat.min()), float(flat.max())
        span = high - low
        if span == 0.0 or not np.isfinite(span):
            return cls(low, high, np.array([low]), np.array([float(flat.size)]))
        bins = np.minimum((flat - low) / span * _BINS, _BINS - 1).astype(np.int64)
        counts = np.bincount(bins, minlength=_BINS).astype(np.float64)
        sums = np.bincount(bins, weights=flat, minlength=_BINS)
        filled = counts > 0
        return cls(low, high, sums[filled] / counts[filled], counts[filled])

    def error(self, kind: QType) -> float:
        """Return the squared error of all values in codes of a type."""
        codes = np.floor(self.centers / kind.scale + 0.5) + kind.zero_point
        codes = np.clip(codes, kind.low, kind.high)
        wrong = (codes - kind.zero_point) * kind.scale - self.centers
        return float(self.counts @ (wrong * wrong))


def choose_type(histogram: Histogram, bits: int, *, symmetric: bool) -> QType:
    """Return the type of ``bits`` bits with the least squared error over a grid of clips.

    A range without negative values gets unsigned codes and zero point 0.  A signed range gets
    two's complement codes and zero point 0 if ``symmetric``, else unsigned codes whose zero
    point stands where the clipped range has its zero.

    Parameters
    ----------
    bits
        2 to 16.
    """
    low, high = histogram.low, histogram.high
    if low == high == 0.0:
        high = 1.0
    if low >= 0.0:
        steps = (1 << bits) - 1
        candidates = [QType(bits, False, _positive(high * clip / steps)) for clip in _CLIPS]
    elif symmetric:
        steps, largest = (1 << (bits - 1)) - 1, max(-low, high)
        candidates = [QType(bits, True, _positive(largest * clip / steps)) for clip in _CLIPS]
    else:
        candidates = [
            _asymmetric(bits, low * below, max(high, 0.0) * above)
            for below in _COARSE_CLIPS
            for above in _COARSE_CLIPS
        ]
    errors = [histogram.error(kind) for kind in candidates]
    return candidates[int(np.argmin(errors))]


def _asymmetric(bits: int, low: float, high: float) -> QType:
    codes = (1 << bits) - 1
    scale = _positive((high - low) / codes)
    zero_point = min(max(int(np.floor(-low / scale + 0.5)), 0), codes)
    return QType(bits, False, scale, zero_point)


def _positive(scale: float) -> float:
    """Return a scale that is a normal number, however small the range is."""
    return max(float(scale), float(np.finfo(np.float32).tiny))
