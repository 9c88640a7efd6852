"""The packings that pay off on the multipliers of the FPGA families."""

from dataclasses import dataclass

from rtl_templates.packing.lanes import Lanes, Range, fit, matrix_lanes, polynomial_lanes

__all__ = ["W4A4", "WIDER", "Form", "convolution_form", "matrix_form"]


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
        return all(
            need <= port for need, port in zip(sorted(self.port_bits), sorted(ports), strict=True)
        )

    def lane(self, i, j):
        """Return the lane to which ``a[i] * w[j]`` goes."""
        return (i * self.strides[0] + j * self.strides[1]) // self.lanes.pitch


def matrix_form(a, w, counts, pitch, overlap=0):
    """Return the form of all products of ``counts[0]`` numbers by ``counts[1]`` others."""
    strides = (pitch, counts[0] * pitch)
    return Form(a, w, counts, strides, matrix_lanes(a, w, counts, pitch, overlap))


def convolution_form(a, w, counts, pitch, overlaps=()):
    """Return the form of a convolution of ``counts[0]`` samples with ``counts[1]`` taps."""
    return Form(a, w, counts, (pitch, pitch), polynomial_lanes(a, w, counts, pitch, overlaps))


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
