"""What ops that multiply by weights share: their integer form and its accumulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hwgen.ops.arithmetic import Int, wrap
from hwgen.ops.base import Lowered, LowerOptions, Real
from hwgen.ops.scaling import fixed_point
from hwgen.ops.types import QType, Requant

__all__ = [
    "accumulator_range",
    "exact_matmul",
    "lower_mac",
    "quantize_weights",
    "requantised",
    "weight_range",
]

_CLIPS = np.linspace(1.0, 0.4, 61)
_BIAS_BITS = 24


def weight_range(bits: int, narrow: bool, reach: int | None = None) -> tuple[int, int]:
    """Return the least and the largest code of weights, in magnitude at most ``reach``.

    Examples
    --------
    >>> weight_range(4, narrow=False), weight_range(4, narrow=True)
    ((-8, 7), (-7, 7))
    >>> weight_range(8, False, 112), weight_range(6, False, 112)
    ((-112, 112), (-32, 31))
    """
    high = (1 << (bits - 1)) - 1
    low = -high - (not narrow)
    return (low, high) if reach is None else (max(low, -reach), min(high, reach))


def quantize_weights(
    weight: Real, bits: int, *, narrow: bool = False, reach: int | None = None
) -> tuple[Int, Real]:
    """Return codes and per-output-channel scales that minimise the squared error.

    Symmetric, rounding half up, codes in :func:`weight_range`.  The scale of a channel is
    searched over 61 clips from 100 % to 40 % of its largest magnitude.

    Parameters
    ----------
    weight
        Shape (output channels, ...).
    bits
        2 to 16.
    narrow
        Leave out the most negative code.
    reach
        Largest magnitude of a code, if it is not that of the bits.

    Returns
    -------
    tuple
        int64 codes of ``weight``'s shape, and the scales, shape (output channels,); the scale
        of a channel of zeros is 0.
    """
    low, high = weight_range(bits, narrow, reach)
    flat = weight.reshape(weight.shape[0], -1)
    largest = np.max(np.abs(flat), axis=1, initial=0.0)
    best = np.full(largest.shape, np.inf)
    scales = np.zeros_like(largest)
    codes = np.zeros(flat.shape, dtype=np.int64)
    for clip in _CLIPS:
        scale = largest * clip / high
        step = np.where(scale > 0, scale, 1.0)[:, None]
        trial = np.clip(np.floor(flat / step + 0.5), low, high)
        error = np.sum((trial * step - flat) ** 2, axis=1)
        better = (error < best) & (scale > 0)
        best[better], scales[better] = error[better], scale[better]
        codes[better] = trial[better].astype(np.int64)
    return codes.reshape(weight.shape), scales


def lower_mac(
    weights: Mapping[str, Real],
    source: QType,
    out: QType,
    *,
    relu: bool,
    attrs: Mapping[str, Any],
    options: LowerOptions,
) -> Lowered:
    """Return the integer form of ``y = act(x * weight + bias)``.

    Codes of the weights have a scale per output channel; the bias has the accumulator's scale,
    input scale * weight scale, and holds ``-zero_point * sum(weight)`` of the input.  A scale
    is never so fine that the real bias needs more than 24 bits.

    Parameters
    ----------
    weights
        ``weight`` (output channels, ...) and, if the op has one, ``bias`` (output channels,).
    attrs
        The op's attributes; ``weight_scale`` and ``pad`` (code of a padding element) join them.
    options
        Width of the weights; their codes and scales, if they are not to be the nearest ones.
    """
    weight = weights["weight"]
    bias = weights.get("bias", np.zeros(weight.shape[0]))
    bits, narrow, reach = options.weight_bits, options.narrow, options.reach
    codes, scales = options.rounded or quantize_weights(weight, bits, narrow=narrow, reach=reach)
    floor = np.abs(bias) / (source.scale * (1 << (_BIAS_BITS - 1)))
    coarse = np.max(scales, initial=0.0) or out.scale / source.scale
    wanted = np.maximum(np.where(scales > 0, scales, coarse), floor)
    changed = (wanted != scales)[(...,) + (None,) * (weight.ndim - 1)]
    step = wanted.reshape((-1,) + (1,) * (weight.ndim - 1))
    low, high = weight_range(bits, narrow, reach)
    nearest = np.clip(np.floor(weight / step + 0.5), low, high).astype(np.int64)
    codes = np.where(changed, nearest, codes)
    folded = np.floor(bias / (source.scale * wanted) + 0.5).astype(np.int64)
    folded -= source.zero_point * codes.reshape(codes.shape[0], -1).sum(axis=1)
    multiplier, shift = fixed_point(source.scale * wanted / out.scale)
    return Lowered(
        attrs={
            **attrs,
            "pad": source.zero_point,
            "weight_scale": tuple(float(scale) for scale in wanted),
        },
        constants={"weight": codes, "bias": folded},
        requant=Requant(
            multiplier=multiplier,
            shift=shift,
            zero_point=out.zero_point,
            low=out.zero_point if relu else out.low,
            high=out.high,
            offset=np.zeros(1, dtype=np.int64),
        ),
        weight_type=QType(bits=bits, signed=True, scale=1.0),
    )


def requantised(lowered: Lowered, acc: Int, channel_axis: int) -> Int:
    """Return the codes of sums with their bias, which wrap first if the accumulator does."""
    assert lowered.requant is not None
    bits = lowered.attrs.get("wrap", 0)
    return lowered.requant.apply(wrap(acc, bits) if bits else acc, channel_axis)


def accumulator_range(
    lowered: Lowered, source: QType, ends: tuple[Int, Int] | None = None
) -> tuple[int, int]:
    """Return bounds of every partial sum, in any order, of weights, codes and bias.

    Parameters
    ----------
    ends
        The least and the largest operand of each element, if they are not those of ``source``.
    """
    low_code, high_code = ends or (source.low, source.high)
    weight = lowered.constants["weight"]
    flat = weight.reshape(weight.shape[0], -1)
    ends = flat * low_code, flat * high_code
    bias = lowered.constants["bias"]
    high = np.maximum(*ends).clip(0, None).sum(axis=1)
    low = np.minimum(*ends).clip(None, 0).sum(axis=1)
    return int((low + bias.clip(None, 0)).min()), int((high + bias.clip(0, None)).max())


def exact_matmul(left: Int, right: Int) -> Int:
    """Return ``left @ right`` exactly.

    Floating-point matrix products are exact, whatever their order, while the sum of all
    magnitudes stays below 2**53 (2**24 in single precision), and many times faster than
    integer ones.
    """
    largest = int(np.max(np.abs(left), initial=0))
    bound = largest * int(np.max(np.abs(right).sum(axis=-2), initial=0))
    if bound < 1 << 53:
        kind = np.float32 if bound < 1 << 24 else np.float64
        left, right = left.astype(kind), right.astype(kind)
    return np.asarray(left @ right, dtype=np.int64)
