"""Tensors through a board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hwgen.board.interface import Interface, Port
from hwgen.errors import HwgenError, VerificationError
from hwgen.host.link import Link
from hwgen.host.packing import pack, unpack
from hwgen.ops.arithmetic import Int

__all__ = ["run_tensors"]


@dataclass
class _Sending:
    """What one input still has to take: tensors as bytes, the first one partly sent."""

    index: int
    port: Port
    tensors: list[bytes]

    def step(self, link: Link) -> bool:
        """Send one request's worth; return whether the accelerator took any of it."""
        if not self.tensors:
            return False
        taken = link.write(self.index, self.port, self.tensors[0], last=True)
        self.tensors[0] = self.tensors[0][taken * self.port.beat_bytes :]
        if not self.tensors[0]:
            del self.tensors[0]
        return taken > 0


@dataclass
class _Receiving:
    """What one output has given so far."""

    index: int
    port: Port
    wanted: int
    data: bytearray = field(default_factory=bytearray)
    tensors: list[Int] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether tensors are still missing."""
        return len(self.tensors) < self.wanted

    def step(self, link: Link) -> bool:
        """Take one reply's worth; return whether there was anything.

        Raises
        ------
        VerificationError
            HG845 if the accelerator's ``last`` is not where the tensor ends.
        """
        if not self.open:
            return False
        held = len(self.data) // self.port.beat_bytes
        data, last = link.read(self.index, self.port, self.port.beats - held)
        self.data += data
        full = len(self.data) == self.port.beats * self.port.beat_bytes
        if last != full:
            raise VerificationError(
                "HG845",
                f"the end of {self.port.name} came after "
                f"{len(self.data) // self.port.beat_bytes} of {self.port.beats} beats",
                hint="reset the board; if it happens again, simulate the build: hwgen sim",
            )
        if full:
            self.tensors.append(unpack(self.port, bytes(self.data)))
            self.data.clear()
        return bool(data)


def run_tensors(
    link: Link,
    interface: Interface,
    codes: Mapping[str, Int],
    *,
    patience_s: float = 5.0,
) -> dict[str, Int]:
    """Send tensors through the board and return what comes back.

    Tensors follow each other without waiting for results, so that a dataflow accelerator works
    on several at once.

    Parameters
    ----------
    codes
        For each input (n, elements) codes in stream order.
    patience_s
        Longest time without a single beat in either direction.

    Returns
    -------
    dict
        For each output (n, elements) codes in stream order.

    Raises
    ------
    HwgenError
        HG846 if the codes do not fit the inputs; HG845 (exit code 1) if the accelerator stalls.
    """
    count = _check(interface, codes)
    sending = [
        _Sending(index, port, [pack(port, tensor) for tensor in codes[port.name]])
        for index, port in enumerate(interface.inputs)
    ]
    receiving = [_Receiving(index, port, count) for index, port in enumerate(interface.outputs)]
    since = link.now()
    while any(output.open for output in receiving):
        moved = [item.step(link) for item in sending] + [item.step(link) for item in receiving]
        if any(moved):
            since = link.now()
        elif link.now() - since > patience_s:
            blocked = [item.port for item in sending if item.tensors]
            waiting = [item.port for item in receiving if item.open]
            verb, port = ("take", blocked[0]) if blocked else ("give", waiting[0])
            raise _stalled(port, verb, patience_s)
    return {item.port.name: np.stack(item.tensors) for item in receiving}


def _check(interface: Interface, codes: Mapping[str, Int]) -> int:
    names = [port.name for port in interface.inputs]
    if sorted(codes) != sorted(names):
        raise HwgenError(
            "HG846",
            f"inputs are given as {', '.join(sorted(codes)) or 'nothing'}",
            hint=f"the accelerator has {', '.join(names)}",
        )
    counts = set()
    for port in interface.inputs:
        array = codes[port.name]
        if array.ndim != 2 or array.shape[1] != port.elements or not len(array):
            raise HwgenError(
                "HG846",
                f"input {port.name} has shape {array.shape}",
                hint=f"(n, {port.elements}) with n of at least 1",
            )
        low = -(1 << (port.bits - 1)) if port.signed else 0
        high = low + (1 << port.bits) - 1
        if array.min() < low or array.max() > high:
            raise HwgenError(
                "HG846",
                f"input {port.name} holds codes from {array.min()} to {array.max()}",
                hint=f"codes of this input are in [{low}, {high}]",
            )
        counts.add(len(array))
    if len(counts) > 1:
        raise HwgenError(
            "HG846",
            f"the inputs have different numbers of tensors: {sorted(counts)}",
            hint="send the same number of tensors to every input",
        )
    return counts.pop()


def _stalled(port: Port, verb: str, seconds: float) -> VerificationError:
    """Return the error for an accelerator that neither takes nor gives data."""
    return VerificationError(
        "HG845",
        f"the accelerator did not {verb} {port.name} for {seconds:g} s",
        hint="reset the board; if it happens again, simulate the build: hwgen sim",
    )
