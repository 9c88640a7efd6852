"""Frames of the host link in Python; ``docs/link.md`` describes them."""

from __future__ import annotations

from dataclasses import dataclass

from rtl_templates.link.protocol import CRC_INIT, CRC_POLYNOMIAL, MAX_PAYLOAD, SYNC

__all__ = ["Frame", "FrameDecoder", "crc16", "encode"]

_HEADER = 5  # sync, sequence, kind, length
_CRC = 2


def crc16(data: bytes) -> int:
    """Return the CRC-16 of ``data``: polynomial 0x1021, start 0xFFFF, high bit first.

    Examples
    --------
    >>> hex(crc16(b"123456789"))
    '0x29b1'
    """
    crc = CRC_INIT
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (CRC_POLYNOMIAL if crc & 0x8000 else 0)
        crc &= 0xFFFF
    return crc


@dataclass(frozen=True)
class Frame:
    """A request or a reply, without what only carries it."""

    sequence: int
    kind: int
    payload: bytes


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame.

    Raises
    ------
    ValueError
        If the payload is longer than the link allows.
    """
    if len(frame.payload) > MAX_PAYLOAD:
        size = len(frame.payload)
        raise ValueError(f"Payload must be at most {MAX_PAYLOAD} bytes, not {size}")
    body = bytes((frame.sequence, frame.kind)) + len(frame.payload).to_bytes(2, "little")
    body += frame.payload
    return bytes((SYNC,)) + body + crc16(body).to_bytes(2, "big")


class FrameDecoder:
    """Finds frames in received bytes; what is not part of a good frame is skipped.

    A frame with a wrong CRC may have begun at a byte that only looked like ``SYNC``; so the
    search goes on with the byte after it, and a good frame behind noise is found.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.broken = 0
        """Candidates that were no frames: wrong CRC or impossible length."""

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that these bytes complete."""
        self._bytes += data
        found = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def flush(self) -> list[Frame]:
        """Give up on a frame in progress: the line went quiet; return what lay behind it."""
        found: list[Frame] = []
        while self._bytes:
            self.broken += self._bytes[0] == SYNC
            del self._bytes[0]
            found += self.feed(b"")
        return found

    def _next(self) -> Frame | None:
        held = self._bytes
        while True:
            start = held.find(SYNC)
            del held[: len(held) if start < 0 else start]
            if len(held) < _HEADER:
                return None
            size = int.from_bytes(held[3:5], "little")
            end = _HEADER + size + _CRC
            if size <= MAX_PAYLOAD:
                if len(held) < end:
                    return None
                if crc16(bytes(held[1:end])) == 0:
                    frame = Frame(held[1], held[2], bytes(held[_HEADER : end - _CRC]))
                    del held[:end]
                    return frame
            self.broken += 1
            del held[0]
