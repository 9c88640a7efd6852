"""The core of runs where a kernel has one tap: several positions share the weights of a step."""

from dataclasses import dataclass

from rtl_templates.mac.polynomial_core import PolynomialShape
from rtl_templates.packing.position_sums import PositionSums

__all__ = ["PositionsShape"]


@dataclass(frozen=True)
class PositionsShape(PolynomialShape):
    """Size and widths of a :class:`PolynomialCore` without taps that overlap.

    ``form``: positions by weights of neighbouring outputs (``position_form``).  A run is that many
    positions, whose sums begin and end with it; each weight is read once for all of them.  The
    weight memory holds digits of ``digit_bits`` bits: see :class:`PositionSums`.
    """

    digit_bits: int = 4

    @property
    def taps(self):
        """Taps of a pass."""
        return 1

    @property
    def weight_bits(self):
        """Bits of a weight in the memory."""
        return self.digit_bits

    def lane_sums(self):
        """Return what adds up the products of a step."""
        terms = self.rows * self.elements
        return PositionSums(self.form, self.outputs, terms, self.digit_bits)
