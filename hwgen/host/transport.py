"""Where the bytes of the link go: a serial port."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from hwgen.errors import ToolError

if TYPE_CHECKING:
    import serial

__all__ = ["SerialTransport", "Transport", "port_lost"]


class Transport(Protocol):
    """A byte pipe to a board with its own notion of time, in seconds."""

    def write(self, data: bytes) -> None:
        """Send bytes; return when they are handed over."""

    def read(self, timeout_s: float) -> bytes:
        """Return the bytes that came, at least one; nothing if none came in time."""

    def now(self) -> float:
        """Return a time in seconds that only moves forward."""

    def close(self) -> None:
        """Give the line back."""


def port_lost(port: str, why: object) -> ToolError:
    """Return the error for a port that stops working in mid-run."""
    return ToolError(
        "HG841",
        f"serial port {port} was lost: {why}",
        hint="check the cable, then run the same command again",
    )


class SerialTransport:
    """A serial port of this machine, 8N1, without flow control.

    Parameters
    ----------
    port
        Device (``/dev/ttyUSB0``, ``COM3``).
    baud
        Bits per second.

    Raises
    ------
    ToolError
        HG840 if the port cannot be opened; HG841 later, when it goes away.
    """

    def __init__(self, port: str, baud: int) -> None:
        import serial  # only this class needs it, and a simulated board does not

        self._name = port
        self._lost: tuple[type[Exception], ...] = (serial.SerialException, OSError, TypeError)
        try:
            self._port: serial.Serial = serial.Serial(port, baud, exclusive=True, write_timeout=5)
        except (serial.SerialException, OSError, ValueError) as error:
            raise ToolError(
                "HG840",
                f"serial port {port} cannot be opened at {baud} baud: {error}",
                hint="list the ports with: python -m serial.tools.list_ports",
            ) from None

    def write(self, data: bytes) -> None:
        """Send bytes and wait until the operating system has sent them."""
        try:
            self._port.write(data)
            self._port.flush()
        except self._lost as error:
            raise port_lost(self._name, error) from None

    def read(self, timeout_s: float) -> bytes:
        """Return the bytes that came, at least one; nothing if none came in time."""
        try:
            self._port.timeout = timeout_s
            first = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else first
        except self._lost as error:
            raise port_lost(self._name, error) from None

    def now(self) -> float:
        """Return the monotonic clock."""
        return time.monotonic()

    def close(self) -> None:
        """Close the port; a lost one is closed already."""
        try:
            self._port.close()
        except self._lost:
            return
