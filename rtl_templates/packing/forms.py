"""The packings that pay off on the multipliers of the FPGA families."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from rtl_templates.packing.lanes import (
    Lanes,
    Range,
    fit,
    matrix_lanes,
    narrowest_overlaps,
    polynomial_lanes,
)

__all__ = [
    "W4A4",
    "WIDER",
    "Form",
    "best_convolution",
    "convolution_form",
    "matrix_form",
    "packed_blocks",
    "position_form",
    "position_weights",
    "vector_form",
]


@dataclass(frozen=True)
class Form:
    """Operands and lanes of a packing.

    Parameters
    ----------
    a, w : Range
        Of the operands.
    counts : tuple of int
        Operands of each kind.
    strides : tuple of int
        Distance of neighbouring operands of each kind, in bits.
    lanes : Lanes
    """

    a: Range
    w: Range
    counts: tuple
    strides: tuple
    lanes: Lanes

    @property
    def products(self):
        """Exact multiply-accumulates per cycle."""
        return self.counts[0] * self.counts[1]

    @property
    def port_bits(self):
        """Widths of the signed ports."""
        return tuple(
            fit(operand, count, stride)
            for operand, count, stride in zip(
                (self.a, self.w), self.counts, self.strides, strict=True
            )
        )

    def fits(self, ports):
        """Return whether a multiplier with signed ports of these widths holds the operands."""
        return _fits(self.port_bits, ports)

    def lane(self, i, j):
        """Return the lane to which ``a[i] * w[j]`` goes."""
        return (i * self.strides[0] + j * self.strides[1]) // self.lanes.pitch


def matrix_form(a, w, counts, pitch, overlap=0):
    """Return the form of all products of ``counts[0]`` numbers by ``counts[1]`` others."""
    strides = (pitch, counts[0] * pitch)
    return Form(a, w, counts, strides, matrix_lanes(a, w, counts, pitch, overlap))


def vector_form(a, w, ports, most):
    """Return the form of one number times as many others as a multiplier takes, no low bits known.

    Lanes are as narrow as they can be; where that costs no operand, so wide that the sign of a
    field is one of its bits.

    Parameters
    ----------
    a, w : Range
        Of the number and of the others, with 0 among them.
    ports : tuple of int
        Widths of the multiplier's signed ports.
    most : int
        Others at most.

    Returns
    -------
    Form or None
        None if a multiplier holds one product only.

    Examples
    --------
    >>> vector_form(Range.signed(4), Range.signed(4, narrow=True), (18, 18), 8).counts
    (1, 3)
    """
    products = a * w
    field = Range(products.low - 1, products.high)  # less what the lane below borrows
    values = field.high - field.low
    for count in range(most, 1, -1):
        for pitch in (field.bits, values.bit_length()):
            form = matrix_form(a, w, (1, count), max(pitch, 3))
            if form.fits(ports):
                return form
    return None


def position_form(a, w, counts, strides):
    """Return the form of ``counts[0]`` positions' numbers by ``counts[1]`` weights.

    One of the strides is the pitch of the lanes, the other one as many pitches as there are numbers
    of the first kind: either kind can be the one that lies closer.
    """
    return Form(a, w, counts, strides, matrix_lanes(a, w, counts, min(strides)))


def position_weights(a, w, ports, positions, most):
    """Return the form of some positions' numbers by as many weights as a multiplier takes.

    Lanes as in :func:`vector_form`.

    Parameters
    ----------
    a, w : Range
        Of the numbers and of the weights, with 0 among them.
    ports : tuple of int
        Widths of the multiplier's signed ports.
    positions : int
        At least 2.
    most : int
        Weights at most.

    Returns
    -------
    Form or None
        None if a multiplier does not hold as many positions.

    Examples
    --------
    >>> full, narrow = Range.signed(4), Range.signed(4, narrow=True)
    >>> [position_weights(full, narrow, ports, 2, 8).counts for ports in ((18, 18), (27, 18))]
    [(2, 2), (2, 3)]
    """
    products = a * w
    field = Range(products.low - 1, products.high)  # less what the lane below borrows
    values = field.high - field.low
    for count in range(most, 0, -1):
        for pitch in (field.bits, values.bit_length()):
            pitch = max(pitch, 3, a.bits + 1)
            for strides in ((count * pitch, pitch), (pitch, positions * pitch)):
                form = position_form(a, w, (positions, count), strides)
                if form.fits(ports):
                    return form
    return None


def convolution_form(a, w, counts, pitch, overlaps=()):
    """Return the form of a convolution of ``counts[0]`` samples with ``counts[1]`` taps."""
    return Form(a, w, counts, (pitch, pitch), polynomial_lanes(a, w, counts, pitch, overlaps))


@lru_cache(maxsize=256)
def best_convolution(a, w, taps, ports, line=None):
    """Return the form that does most of a convolution of ``taps`` taps per multiplier and cycle.

    A kernel longer than the form's taps takes several passes, so few taps that divide it can be
    better than many; and on a short line so can few samples, which leave less of the last ones.
    Among equals: the fewest low bits to be known, then the fewest products.

    Parameters
    ----------
    a, w : Range
        Of the samples and of the taps.
    taps : int
    ports : tuple of int
        Widths of the multiplier's signed ports.
    line : tuple of int or None
        Results of a line, and how many of its first samples' products begin it at most: all
        ``taps - 1`` if padding counts, else those that are no padding.  None: a line has no end.

    Returns
    -------
    Form or None
        None if there is none with more than one product, or with more than one sample.

    Examples
    --------
    >>> full = Range.signed(4)
    >>> [best_convolution(full, full, 3, ports).counts for ports in ((18, 18), (25, 18))]
    [(3, 3), (4, 3)]
    >>> best_convolution(full, full, 3, (25, 18), (3, 0)).counts
    (3, 3)
    """
    found = []
    for samples, together in product(range(2, _MOST + 1), range(1, min(taps, _MOST) + 1)):
        if together > samples + 1:
            continue  # a run's sums would reach beyond the next run
        for pitch in range(1 + max(2, a.bits, w.bits), max(ports)):
            known = narrowest_overlaps(a, w, (samples, together), pitch)
            sizes = fit(a, samples, pitch), fit(w, together, pitch)
            if max(known) > min(_KNOWN, pitch - 1) or not _fits(sizes, ports):
                continue
            work = samples
            if line:
                results, begin = line
                work = results / -(-(results + min(together - 1, begin)) // samples)
            work *= taps / -(-taps // together)
            found.append((-work, sum(known), samples * together, samples, together, pitch, known))
    if not found:
        return None
    *_, samples, together, pitch, known = min(found)
    return convolution_form(a, w, (samples, together), pitch, known)


def _fits(sizes, ports):
    return all(need <= port for need, port in zip(sorted(sizes), sorted(ports), strict=True))


_MOST = 6
"""Operands of a kind that are worth trying: more take ever more lanes for the same products."""

_KNOWN = 4
"""Low bits that are worth computing beside the multiplier."""

_FULL, _NARROW = Range.signed(4), Range.signed(4, narrow=True)

W4A4 = {
    # 18 x 18: ECP5 MULT18X18D, Nexus, Gowin.
    "matrix_18x18": matrix_form(_FULL, _NARROW, (2, 2), 7),
    "vector_18x18": matrix_form(_FULL, _NARROW, (1, 3), 7),
    "convolution_18x18": convolution_form(_NARROW, _NARROW, (3, 3), 7, (0, 1, 2, 1)),
    # Without narrow weights a comparison per lane tells 64 from -64.
    "matrix_18x18_full": matrix_form(_FULL, _FULL, (2, 2), 6, 1),
    # 16 x 16: iCE40 SB_MAC16.
    "matrix_16x16": matrix_form(_FULL, _NARROW, (2, 2), 6, 1),
    # 25 x 18 and 27 x 18: DSP48E1, DSP48E2.
    "matrix_25x18": matrix_form(_NARROW, _NARROW, (3, 2), 7),
    "matrix_27x18": matrix_form(_NARROW, _FULL, (3, 2), 7),
    "convolution_25x18": convolution_form(_NARROW, _NARROW, (3, 4), 7, (0, 1, 2, 2, 1)),
}
"""Forms of 4-bit operands by the shape of the multiplier."""

WIDER = {
    "u4_18x18": matrix_form(Range.unsigned(4), _NARROW, (1, 2), 8),
    "w4a8_18x18": matrix_form(Range.signed(8), _NARROW, (1, 2), 11),
    "w4a8_27x18": matrix_form(Range.signed(8), _NARROW, (1, 3), 11),  # a in the narrow port
    "w8a8_27x18": matrix_form(Range.signed(8), Range.signed(8, narrow=True), (1, 2), 16),
}
"""Forms with wider or unsigned activations."""


def packed_blocks(rows, share):
    """Return the rows of each block that shares a multiplier, and those in lookup tables.

    A last row that would be alone in a multiplier for three or more takes none.

    Examples
    --------
    >>> packed_blocks(16, 3)
    ([3, 3, 3, 3, 3], 1)
    >>> packed_blocks(8, 3)
    ([3, 3, 2], 0)
    """
    whole, rest = divmod(rows, share)
    blocks = [share] * whole
    if rest == 1 and share > 2 and blocks:
        return blocks, 1
    return blocks + [rest] * (rest > 0), 0
