"""The identity of a build as the hardware carries it."""

from __future__ import annotations

__all__ = ["identity_word"]


def identity_word(identity: str) -> int:
    """Return what the ``ID`` register reads: the low 32 bits of an identity hash of hex digits."""
    return int(identity, 16) & 0xFFFF_FFFF
