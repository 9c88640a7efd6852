"""Tensors through a board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hwgen.board.interface import Interface, Port
from hwgen.errors import HwgenError, VerificationError
from hwgen.host.link import Link
from hwgen.host.packing import pack, unpack
from hwgen.ops.arithmetic import Int
from rtl_templates.control.registers import LENGTH

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
    lengths: Sequence[int] = (),
    patience_s: float = 5.0,
) -> dict[str, Int]:
    """Send tensors through the board and return what comes back.

    Tensors follow each other without waiting for results, so that a dataflow accelerator works
    on several at once.  Tensors of several lengths go one by one: the accelerator is told the
    length of the next one while it has none.

    Parameters
    ----------
    codes
        For each input (n, elements) codes in stream order.
    lengths
        Tokens of each tensor, if they have several lengths: so many rows are sent, and the results
        are filled up with zeros.  The longest by default.
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
    if not interface.lengths:
        found = _exchange(link, interface, codes, 0, patience_s)
        return {name: np.stack(tensors) for name, tensors in found.items()}
    results: dict[str, list[Int]] = {port.name: [] for port in interface.outputs}
    for k, tokens in enumerate(_lengths(interface, lengths, count)):
        link.write_register(LENGTH, tokens)
        one = {name: array[k : k + 1] for name, array in codes.items()}
        for name, (tensor,) in _exchange(link, interface, one, tokens, patience_s).items():
            results[name].append(tensor)
    whole = {port.name: port.elements for port in interface.outputs}
    return {
        name: np.stack([np.pad(tensor, (0, whole[name] - tensor.size)) for tensor in tensors])
        for name, tensors in results.items()
    }


def _exchange(
    link: Link, interface: Interface, codes: Mapping[str, Int], tokens: int, patience_s: float
) -> dict[str, list[Int]]:
    """Send tensors of one length, and take the results."""
    sending = []
    for index, whole in enumerate(interface.inputs):
        port = whole.at(tokens)
        tensors = [pack(port, tensor[: port.elements]) for tensor in codes[port.name]]
        sending.append(_Sending(index, port, tensors))
    count = len(sending[0].tensors)
    receiving = [
        _Receiving(index, port.at(tokens), count) for index, port in enumerate(interface.outputs)
    ]
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
    return {item.port.name: item.tensors for item in receiving}


def _lengths(interface: Interface, lengths: Sequence[int], count: int) -> Sequence[int]:
    """Return the tokens of each tensor."""
    chosen = lengths or [interface.lengths[0]] * count
    if len(chosen) != count or not set(chosen) <= set(interface.lengths):
        raise HwgenError(
            "HG846",
            f"{count} tensors have lengths {sorted(set(chosen))}",
            hint=f"one for each tensor, of {', '.join(map(str, interface.lengths))} tokens",
        )
    return chosen


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
