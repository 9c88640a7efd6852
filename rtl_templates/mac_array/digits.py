"""Weights wider than a tile's: as signed digits, each of which is a row of outputs to the array."""

__all__ = ["RADIX", "digits_of", "reach"]

RADIX = 15
"""Of the digits, in [-7, 7]: every integer that they reach has them in one way only."""


def reach(digits):
    """Return the largest magnitude of a weight of so many digits.

    Examples
    --------
    >>> reach(1), reach(2)
    (7, 112)
    """
    return (RADIX**digits - 1) // 2


def digits_of(weight, digits):
    """Return the digits of a weight in [-7, 7], the least first.

    Examples
    --------
    >>> digits_of(100, 2), digits_of(-112, 2), digits_of(-3, 1)
    ((-5, 7), (-7, -7), (-3,))
    """
    found = []
    for _ in range(digits):
        found.append((weight + RADIX // 2) % RADIX - RADIX // 2)
        weight = (weight - found[-1]) // RADIX
    return tuple(found)
