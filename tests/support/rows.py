"""Rows of codes normalised and turned into shares, in Python integers: the rules once more."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import isqrt

__all__ = ["hadamard_sign", "normalized", "reciprocal_root", "shares", "transformed"]


def rounded(value, shift):
    """Return floor(value / 2**shift + 1/2)."""
    return (2 * value + (1 << shift)) // (2 << shift)


def clamped(value, requant):
    """Return a code: zero point, then the ends of its type."""
    return min(max(value + requant.zero_point, requant.low), requant.high)


def reciprocal_root(spread):
    """Return r and h of docs/arithmetic.md."""
    half = (spread.bit_length() + 1) // 2
    mantissa = (spread << 20) >> (2 * half)
    if not mantissa:
        return (1 << 17) - 1, half
    return isqrt(((1 << 52) - 1) // mantissa), half


def normalized(codes, lowered):
    """Return the codes of a row of ``norm`` work."""
    attrs, constants = lowered.attrs, lowered.constants
    row = [int(code) - attrs["zero"] for code in codes]
    n = len(row)
    total = sum(row) if attrs["centered"] else 0
    spread = n * sum(x * x for x in row) - total * total + attrs["epsilon"]
    root, half = reciprocal_root(spread)
    results = []
    for x, gain, addend in zip(row, constants["gain"], constants["addend"], strict=True):
        normal = rounded((n * x - total) * root, 4 + half)
        scaled = normal * int(gain) + int(addend)
        results.append(clamped(rounded(scaled, lowered.requant.shift), lowered.requant))
    return results


def table():
    """Return T of docs/attention.md, from a hundred digits."""
    with localcontext() as context:
        context.prec = 100
        half = Decimal(1) / 2
        return [int(4080 * Decimal(2) ** (Decimal(-r) / 64) + half) for r in range(64)]


_TABLE = table()


def shares(codes, lowered):
    """Return the codes of a row of ``softmax`` work."""
    attrs, requant = lowered.attrs, lowered.requant
    logs = []
    for code in codes:
        scaled = (int(code) - attrs["zero"]) * attrs["log_multiplier"]
        logs.append(min(max(rounded(scaled, attrs["log_shift"]), -131008), 131008))
    exponent = -(-max(logs) // 64)
    parts = []
    for log in logs:
        octaves, rest = divmod(64 * exponent - log, 64)
        exact = Fraction(16 * _TABLE[rest], 1 << octaves)
        parts.append(int(exact + Fraction(1, 2)))
    total = sum(parts)
    k = total.bit_length() - 1
    factor = rounded((1 << (k + 17)) // total * int(requant.multiplier[0]), 16)
    results = []
    for part in parts:
        share = rounded(part * factor, k - 15 + requant.shift)
        results.append(clamped(share, requant))
    return results


def hadamard_sign(size, i, j):
    """Return the element (i, j), 1 or -1, of the matrix of op hadamard, from its definition."""
    order = 1 if size & (size - 1) == 0 else 12 if size % 12 == 0 else 20
    power = size // order
    (a, b), (c, d) = divmod(i, power), divmod(j, power)
    sylvester = (-1) ** (b & d).bit_count()
    if a == c or a == 0:
        return sylvester
    if c == 0:
        return -sylvester
    prime = order - 1
    euler = pow(a - c, (prime - 1) // 2, prime)  # 1 for squares, else -1
    return sylvester if euler == 1 else -sylvester


def transformed(codes, lowered):
    """Return the codes of a row of ``hadamard`` work."""
    attrs, requant = lowered.attrs, lowered.requant
    signs = [int(sign) for sign in lowered.constants["sign"]]
    row = [(int(code) - attrs["zero"]) * sign for code, sign in zip(codes, signs, strict=True)]
    results = []
    for j in range(len(row)):
        total = sum(x * hadamard_sign(len(row), i, j) for i, x in enumerate(row))
        scaled = total * int(requant.multiplier[0])
        results.append(clamped(rounded(scaled, requant.shift), requant))
    return results
