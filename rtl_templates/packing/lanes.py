"""When products that share one multiplier can be told apart, and how.

Operands are added up at offsets, so the wide product is ``sum(v_l * 2**(l * pitch))`` of the
lanes' values.  A lane's field may reach into the next lane, if as many low bits of that lane
are known from elsewhere (the lowest bit of a product is the AND of two bits).
"""

from dataclasses import dataclass
from itertools import product

__all__ = ["Lanes", "Range", "fit", "matrix_lanes", "narrowest_overlaps", "polynomial_lanes"]


@dataclass(frozen=True)
class Range:
    """Integers ``[low, high]``.

    Examples
    --------
    >>> Range.signed(4, narrow=True)
    Range(low=-7, high=7)
    """

    low: int
    high: int

    @classmethod
    def signed(cls, bits, *, narrow=False):
        """Return the two's complement numbers of ``bits`` bits, the lowest left out if narrow."""
        return cls(-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1)

    @classmethod
    def unsigned(cls, bits):
        """Return ``[0, 2**bits)``."""
        return cls(0, (1 << bits) - 1)

    def __mul__(self, other):
        """Return the range of products."""
        ends = [a * b for a, b in product((self.low, self.high), (other.low, other.high))]
        return Range(min(ends), max(ends))

    def __add__(self, other):
        """Return the range of sums."""
        return Range(self.low + other.low, self.high + other.high)

    def times(self, count):
        """Return the range of sums of ``count`` numbers."""
        return Range(count * self.low, count * self.high)

    @property
    def is_signed(self):
        """Whether a number can be negative."""
        return self.low < 0

    @property
    def bits(self):
        """Width that holds every number: two's complement if there are negative ones.

        Examples
        --------
        >>> Range(-56, 64).bits, Range(-56, 63).bits, Range(0, 14).bits
        (8, 7, 4)
        """
        if not self.is_signed:
            return max(1, self.high.bit_length())
        return 1 + max((-1 - self.low).bit_length(), self.high.bit_length())


def fit(operand, count, pitch):
    """Return the bits of a signed port that takes ``count`` operands ``pitch`` bits apart."""
    total = Range(
        sum(operand.low << (k * pitch) for k in range(count)),
        sum(operand.high << (k * pitch) for k in range(count)),
    )
    return total.bits + (not total.is_signed)


@dataclass(frozen=True)
class Lanes:
    """Lanes ``pitch`` bits apart, the values of lane l in ``ranges[l]``.

    Exact if every lane has no more values than its field has codes: the field, with what the next
    lane's low bits added to it taken off, plus a borrow for what the lanes below took away, is
    then the value modulo ``2**width``.

    Parameters
    ----------
    ranges : tuple of Range
    pitch : int
        At least 3 bits, more than an overlap.
    overlaps : tuple of int
        Bits by which the field of each lane but the last reaches into the next lane, whose
        low bits must be known; () for none.

    Raises
    ------
    ValueError
        If a range is too wide for its field.
    """

    ranges: tuple
    pitch: int
    overlaps: tuple = ()

    def __post_init__(self):
        for lane, values in enumerate(self.ranges[:-1]):
            needed = self.field(lane)
            if needed.high - needed.low >= 1 << self.width(lane):
                raise ValueError(
                    f"Lane {lane} of values in [{values.low}, {values.high}] does not fit "
                    f"{self.pitch} bits and {self.overlap(lane)} of the next lane"
                )

    def overlap(self, lane):
        """Return the low bits of lane ``lane + 1`` that must be known."""
        return self.overlaps[lane] if lane < len(self.overlaps) else 0

    @property
    def known(self):
        """Most low bits of a lane that must be known; at least 2."""
        return max(2, *self.overlaps, 0)

    def width(self, lane):
        """Return the width of a lane's field in bits."""
        if lane == len(self.ranges) - 1:
            needed = self.field(lane)
            return needed.bits + (not needed.is_signed)
        return self.pitch + self.overlap(lane)

    def field(self, lane):
        """Return the range of a lane's field: its value less what the lanes below took away."""
        values = self.ranges[lane]
        if lane == 0:
            return values
        below = self.field(lane - 1)
        return Range(
            values.low + (below.low >> self.pitch), values.high + (below.high >> self.pitch)
        )

    def borrows_a_bit(self, lane):
        """Return whether a field takes 0 or 1 from the lanes above, so that its sign says what."""
        needed = self.field(lane)
        return -(1 << self.pitch) <= needed.low and needed.high < 1 << self.pitch

    def threshold(self, lane):
        """Return the smallest field, as an unsigned number, that means a negative value.

        None if the field is a two's complement number, so that its upper bit says so; else
        whether it is negative costs a comparison.
        """
        needed, width = self.field(lane), self.width(lane)
        if lane == len(self.ranges) - 1 or needed.bits + (not needed.is_signed) <= width:
            return None
        return needed.high + 1

    @property
    def bits(self):
        """Width of the signed wide product that holds all lanes."""
        total = Range(0, 0)
        for lane, values in enumerate(self.ranges):
            shift = 1 << (lane * self.pitch)
            total = total + Range(values.low * shift, values.high * shift)
        return total.bits + (not total.is_signed)

    def split(self, total, lows=()):
        """Return the values whose sum at the lanes' places is ``total``.

        The integer model of :class:`rtl_templates.packing.decode.Decode`.

        Parameters
        ----------
        total : int or integer array
        lows : sequence
            The known low bits of lane 1, 2, ...
        """
        values = []
        for lane, legal in enumerate(self.ranges):
            field = total - (lows[lane] << self.pitch) if self.overlap(lane) else total
            values.append(((field - legal.low) & ((1 << self.width(lane)) - 1)) + legal.low)
            total = (total - values[-1]) >> self.pitch
        return values


def matrix_lanes(a, w, counts, pitch, overlap=0):
    """Return the lanes of all products of ``counts[0]`` numbers by ``counts[1]`` others.

    Number i of ``a`` stands at ``i * pitch``, number j of ``w`` at ``j * counts[0] * pitch``: lane
    ``j * counts[0] + i`` is their product.
    """
    lanes = counts[0] * counts[1]
    return Lanes((a * w,) * lanes, pitch, (overlap,) * (lanes - 1))


def polynomial_lanes(a, w, counts, pitch, overlaps):
    """Return the lanes of the product of two polynomials: a convolution.

    Sample i stands at ``i * pitch``, tap j at ``j * pitch``: lane d is the sum of the products with
    ``i + j = d`` (HiKonv, arXiv 2208.00763, section III).
    """
    samples, taps = counts
    terms = [
        sum(1 for i in range(samples) if 0 <= lane - i < taps) for lane in range(samples + taps - 1)
    ]
    return Lanes(tuple((a * w).times(count) for count in terms), pitch, overlaps)


def narrowest_overlaps(a, w, counts, pitch):
    """Return the overlaps with which :func:`polynomial_lanes` are exact at a pitch."""
    overlaps, lanes = (), polynomial_lanes(a, w, counts, sum(counts) * 32, ())
    ranges = lanes.ranges
    below = Range(0, 0)
    for values in ranges[:-1]:
        field = Range(values.low + (below.low >> pitch), values.high + (below.high >> pitch))
        overlaps += (max(0, (field.high - field.low).bit_length() - pitch),)
        below = field
    return overlaps
