"""The driver of a board: requests, replies, retries."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from hwgen.board.interface import Interface, Port
from hwgen.errors import HwgenError, ToolError
from hwgen.host.frames import Frame, FrameDecoder, encode
from hwgen.host.transport import Transport
from rtl_templates.link.protocol import (
    FLAG_LAST,
    MAX_PAYLOAD,
    REPLY,
    WRITE_HEAD,
    Kind,
    Status,
)

__all__ = ["TIMEOUT_S", "Link"]

TIMEOUT_S = 0.5
"""Longest wait for a reply: more than the board's own limits, which are tens of milliseconds."""

_BROKEN_FRAME = {Status.BAD_CRC, Status.TRUNCATED, Status.TOO_LONG}


class Link:
    """A board that answers.

    Every request is answered or an error is raised; a request or reply that was damaged on the
    line is sent again, and the board does not carry it out twice.

    Parameters
    ----------
    transport
        Serial port, or a simulated one.
    timeout_s
        Longest wait for a reply; :data:`TIMEOUT_S` by default.
    attempts
        How often a request is sent before the link counts as broken.
    """

    def __init__(
        self, transport: Transport, *, timeout_s: float | None = None, attempts: int = 4
    ) -> None:
        self._transport = transport
        self._timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
        self._attempts = attempts
        self._sequence = 0
        self._greeted = False
        self._decoder = FrameDecoder()
        self.retries = 0
        """Requests that had to be sent again so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the transport back."""
        self._transport.close()

    def now(self) -> float:
        """Return the transport's time in seconds."""
        return self._transport.now()

    # -- requests ---------------------------------------------------------------------------------

    def identify(self) -> Interface:
        """Ask the board which build it carries.

        Raises
        ------
        ToolError
            HG842 if nothing answers, HG843 if what answers is no hwgen board.
        """
        # Sequence 0 starts a session: the board never takes it for a repetition.
        self._sequence = 0
        block = self._exchange(Kind.IDENTIFY, b"")
        self._greeted = True
        try:
            return Interface.from_bytes(block)
        except ValueError as error:
            raise _refused(f"it answers, but not as a hwgen board: {error}") from None

    def check_identity(self, expected: Interface) -> None:
        """Make sure that the board carries this build.

        Raises
        ------
        HwgenError
            HG844 if it carries another one.
        """
        found = self.identify()
        if found.identity != expected.identity:
            raise HwgenError(
                "HG844",
                f"the board carries {found.name} {found.identity[:12]}, not "
                f"{expected.name} {expected.identity[:12]}",
                hint="program this build with hwgen flash, or run the build that is on the board",
            )

    def write(self, index: int, port: Port, data: bytes, *, last: bool) -> int:
        """Offer beats to an input; return how many it took.

        Parameters
        ----------
        data
            Whole beats; only the first ``beats_per_write`` are sent.
        last
            Whether ``data`` ends the tensor.
        """
        size = min(len(data), self.beats_per_write(port) * port.beat_bytes)
        ends = last and size == len(data)
        head = bytes((index, FLAG_LAST if ends else 0))
        reply = self._request(Kind.WRITE, head + data[:size])
        return int.from_bytes(self._sized(reply, 2), "little")

    def read(self, index: int, port: Port, beats: int) -> tuple[bytes, bool]:
        """Take at most ``beats`` beats from an output; return them and whether a tensor ended."""
        most = min(beats, (MAX_PAYLOAD - 2) // port.beat_bytes)
        reply = self._request(Kind.READ, bytes((index,)) + most.to_bytes(2, "little"))
        if not reply or (len(reply) - 1) % port.beat_bytes:
            raise _refused(f"it answers READ of {port.name} with {len(reply)} bytes")
        return reply[1:], bool(reply[0] & FLAG_LAST)

    def read_register(self, address: int) -> int:
        """Return the 32-bit register at a word address, 0 to 255."""
        reply = self._request(Kind.READ_REGISTER, bytes((address,)))
        return int.from_bytes(self._sized(reply, 4), "little")

    def write_register(self, address: int, value: int) -> None:
        """Set the 32-bit register at a word address, 0 to 255."""
        self._request(Kind.WRITE_REGISTER, bytes((address,)) + value.to_bytes(4, "little"))

    def reset(self) -> None:
        """Reset the accelerator: tensors in flight are dropped."""
        self._request(Kind.RESET, b"")

    @staticmethod
    def beats_per_write(port: Port) -> int:
        """Return how many beats of this input one request carries."""
        return (MAX_PAYLOAD - WRITE_HEAD) // port.beat_bytes

    # -- frames -----------------------------------------------------------------------------------

    def _request(self, kind: Kind, payload: bytes) -> bytes:
        """Carry out a request once; return the data of its reply."""
        if not self._greeted:  # the last number of an earlier session is not known
            self.identify()
        self._sequence = self._sequence % 255 + 1
        return self._exchange(kind, payload)

    def _exchange(self, kind: Kind, payload: bytes) -> bytes:
        frame = encode(Frame(self._sequence, kind, payload))
        reason = "no answer"
        for attempt in range(self._attempts):
            self.retries += attempt > 0
            self._transport.write(frame)
            reply = self._reply(kind)
            if reply is None:
                reason = "no answer"
                continue
            status, data = reply
            if status in _BROKEN_FRAME:
                reason = f"the board reports {_name(status)}"
                continue
            if status != Status.OK:
                raise _refused(f"it answers {kind.name} with {_name(status)}")
            return data
        raise ToolError(
            "HG842",
            f"no right answer to {kind.name} in {self._attempts} attempts ({reason})",
            hint="check that the board is programmed (hwgen flash), and the port and baud rate",
        )

    def _reply(self, kind: Kind) -> tuple[int, bytes] | None:
        """Return status and data of the reply to the last request; None if none comes in time.

        Late replies to earlier requests are skipped.
        """
        deadline = self._transport.now() + self._timeout_s
        while True:
            left = deadline - self._transport.now()
            received = self._transport.read(left) if left > 0 else b""
            frames = self._decoder.feed(received) if received else self._decoder.flush()
            for frame in frames:
                broken = frame.sequence == 0 and frame.kind == REPLY
                ours = frame.sequence == self._sequence and frame.kind == kind | REPLY
                if frame.payload and (broken or ours):
                    return frame.payload[0], frame.payload[1:]
            if not received:
                return None

    def _sized(self, reply: bytes, size: int) -> bytes:
        if len(reply) != size:
            raise _refused(f"it answers with {len(reply)} bytes instead of {size}")
        return reply


def _name(status: int) -> str:
    known = status in Status.__members__.values()
    return Status(status).name if known else f"status {status}"


def _refused(what: str) -> ToolError:
    return ToolError(
        "HG843",
        f"the board on this port does not follow the link protocol: {what}",
        hint="program it with a build of this hwgen version: hwgen flash",
    )
