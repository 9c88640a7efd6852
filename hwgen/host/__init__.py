"""The host's side of a board: serial port, requests, tensors."""

from hwgen.host.link import Link
from hwgen.host.run import run_tensors
from hwgen.host.transport import SerialTransport, Transport

__all__ = ["Link", "SerialTransport", "Transport", "run_tensors"]
