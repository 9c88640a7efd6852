"""Numbers of the host link that the circuit and the host driver share; ``docs/link.md`` explains.

A frame is ``SYNC, sequence, kind, length (2 bytes, low first), payload, CRC (2 bytes, high
first)``.  The CRC covers all after ``SYNC``: CRC-16 with polynomial 0x1021, start value 0xFFFF,
most significant bit first, no final inversion ("CCITT-FALSE", CRC-16/IBM-3740 in the RevEng
catalogue).
"""

from enum import IntEnum

__all__ = [
    "CRC_INIT",
    "CRC_POLYNOMIAL",
    "FLAG_LAST",
    "MAX_PAYLOAD",
    "REPLY",
    "SYNC",
    "WRITE_HEAD",
    "Kind",
    "Status",
]

SYNC = 0xA5
REPLY = 0x80
"""Set in the kind of every reply."""

MAX_PAYLOAD = 512
"""Bytes; a longer frame is refused without being stored."""

CRC_POLYNOMIAL = 0x1021
CRC_INIT = 0xFFFF

FLAG_LAST = 1
"""The last beat of this payload ends a tensor."""

WRITE_HEAD = 2
"""Bytes before the beats of a WRITE: port and flags."""


class Kind(IntEnum):
    """What a request asks."""

    IDENTIFY = 1
    WRITE = 2
    READ = 3
    READ_REGISTER = 4
    WRITE_REGISTER = 5
    RESET = 6


class Status(IntEnum):
    """First byte of a reply's payload.

    The first group answers a frame that was not understood; such a reply has sequence 0 and
    kind ``REPLY``, because the frame's own fields cannot be trusted.
    """

    OK = 0
    BAD_CRC = 1
    TRUNCATED = 2
    TOO_LONG = 3

    UNKNOWN_KIND = 8
    WRONG_LENGTH = 9
    NO_SUCH_PORT = 10
