"""Choose the type of an activation from a histogram of its calibrated values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from hwgen.ops.base import Real
from hwgen.ops.types import QType

__all__ = ["Histogram", "choose_type", "estimate_type"]

_PERCENTILE = 0.999

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


def estimate_type(values: Real, bits: int, *, symmetric: bool, estimator: str = "error") -> QType:
    """Return the type of finite values, at least one, with codes as in :func:`choose_type`.

    Parameters
    ----------
    estimator
        ``error``: least squared error; ``max``: every value is in range; ``percentile``: 99.9 %
        of the magnitudes are (with a zero point: all but 0.1 % at either end).
    """
    if estimator == "error":
        return choose_type(Histogram.of(values), bits, symmetric=symmetric)
    if estimator == "percentile":
        if symmetric or float(values.min()) >= 0.0:
            most = float(np.quantile(np.abs(values), _PERCENTILE))
            least = -most
        else:
            least, most = map(float, np.quantile(values, (1 - _PERCENTILE, _PERCENTILE)))
    else:
        least, most = float(values.min()), float(values.max())
    if most <= 0.0:  # nearly all are 0: the few others are what a range is for
        least, most = float(values.min()), float(values.max())
    low, high = max(float(values.min()), least), min(float(values.max()), most)
    return _candidates(low, high, bits, symmetric=symmetric, clips=(1.0,))[0]


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
    zero_point = low < 0.0 and not symmetric
    clips = _COARSE_CLIPS if zero_point else _CLIPS
    candidates = _candidates(low, high, bits, symmetric=symmetric, clips=clips)
    errors = [histogram.error(kind) for kind in candidates]
    return candidates[int(np.argmin(errors))]


def _candidates(
    low: float, high: float, bits: int, *, symmetric: bool, clips: Iterable[float]
) -> list[QType]:
    """Return the types that cover shares of a range; with a zero point, all pairs of shares."""
    if low == high == 0.0:
        high = 1.0
    if low >= 0.0:
        steps = (1 << bits) - 1
        return [QType(bits, False, _positive(high * clip / steps)) for clip in clips]
    if symmetric:
        steps, largest = (1 << (bits - 1)) - 1, max(-low, high)
        return [QType(bits, True, _positive(largest * clip / steps)) for clip in clips]
    pairs = product(clips, repeat=2)
    return [_asymmetric(bits, low * below, max(high, 0.0) * above) for below, above in pairs]


def _asymmetric(bits: int, low: float, high: float) -> QType:
    codes = (1 << bits) - 1
    scale = _positive((high - low) / codes)
    zero_point = min(max(int(np.floor(-low / scale + 0.5)), 0), codes)
    return QType(bits, False, scale, zero_point)


def _positive(scale: float) -> float:
    """Return a scale that is a normal number, however small the range is."""
    return max(float(scale), float(np.finfo(np.float32).tiny))
