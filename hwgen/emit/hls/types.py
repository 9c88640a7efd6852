"""C++ types of codes, accumulators and constants."""

from __future__ import annotations

from hwgen.ops.types import QType

__all__ = ["ap", "code_type", "signed_bits"]


def ap(bits: int, signed: bool) -> str:
    """Return the name of an integer type, such as ``ap_uint<4>``."""
    return f"{'ap_int' if signed else 'ap_uint'}<{bits}>"


def code_type(kind: QType) -> str:
    """Return the C++ type of a tensor's codes."""
    return ap(kind.bits, kind.signed)


def signed_bits(kind: QType) -> int:
    """Return the bits of the narrowest signed type that holds every code."""
    return kind.bits + (not kind.signed)
