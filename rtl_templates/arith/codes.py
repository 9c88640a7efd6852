"""Integer codes: the elements of tensors."""

from dataclasses import dataclass

from amaranth.hdl import Shape

__all__ = ["Codes", "bits_for"]


@dataclass(frozen=True)
class Codes:
    """Elements of ``bits`` bits, two's complement if ``signed``."""

    bits: int
    signed: bool

    def __post_init__(self):
        if not 1 <= self.bits <= 32:
            raise ValueError(f"Codes must have 1 to 32 bits, not {self.bits}")

    @property
    def shape(self):
        """As an Amaranth shape."""
        return Shape(self.bits, self.signed)

    @property
    def low(self):
        """Smallest code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self):
        """Largest code."""
        return (1 << (self.bits - self.signed)) - 1


def bits_for(*values):
    """Return the width of the narrowest signed integer that holds every value."""
    return max((~value if value < 0 else value).bit_length() for value in values) + 1
