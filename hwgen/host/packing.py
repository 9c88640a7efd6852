"""Codes of a tensor as the bytes that travel, and back.

A beat carries ``lanes`` elements in stream order, the first one in the least significant bits;
on the wire it takes whole bytes, the least significant byte first, unused high bits zero.
"""

from __future__ import annotations

import numpy as np

from hwgen.board.interface import Port
from hwgen.ops.arithmetic import Int

__all__ = ["pack", "unpack"]


def pack(port: Port, stream: Int) -> bytes:
    """Return the bytes of one tensor.

    Parameters
    ----------
    stream
        Codes in stream order, ``port.elements`` of them, within the port's type.
    """
    bits = (stream.reshape(-1, 1) >> np.arange(port.bits)) & 1
    rows = np.zeros((port.beats, 8 * port.beat_bytes), dtype=np.uint8)
    rows[:, : port.beat_bits] = bits.reshape(port.beats, port.beat_bits)
    return np.packbits(rows, axis=1, bitorder="little").tobytes()


def unpack(port: Port, data: bytes) -> Int:
    """Return the codes, in stream order, that ``port.beats`` beats of bytes stand for."""
    rows = np.frombuffer(data, dtype=np.uint8).reshape(-1, port.beat_bytes)
    bits = np.unpackbits(rows, axis=1, bitorder="little")[:, : port.beat_bits]
    elements = bits.reshape(-1, port.bits).astype(np.int64)
    weights = np.int64(1) << np.arange(port.bits, dtype=np.int64)
    if port.signed:
        weights[-1] = -weights[-1]
    codes: Int = elements @ weights
    return codes
