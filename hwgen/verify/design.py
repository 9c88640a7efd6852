"""What a testbench must know about an emitted top: its streams, trace ports and registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Design", "StreamPort", "TracePort", "pack", "unpack"]

Codes = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class StreamPort:
    """One AXI-Stream of the top.

    Parameters
    ----------
    name
        Name of the tensor; the ports are ``s_axis_<name>_*`` or ``m_axis_<name>_*``.
    elements
        Elements of one tensor.
    lanes
        Elements per beat, the first in the least significant bits.
    bits, signed
        Type of an element.
    row
        Elements of a token, if tensors have several lengths; ``elements`` is of the longest.  0 if
        they have one.
    """

    name: str
    elements: int
    lanes: int
    bits: int
    signed: bool
    row: int = 0

    @property
    def beats(self) -> int:
        """Beats of one tensor, the longest."""
        return self.elements // self.lanes

    def sizes(self, tensors: int, lengths: Sequence[int]) -> Codes:
        """Return the elements of each tensor; ``lengths`` are their tokens, if they differ."""
        return sizes_of(self.elements, self.row, tensors, lengths)

    def ends(self, tensors: int, lengths: Sequence[int]) -> Codes:
        """Return the number of beats up to the end of each tensor."""
        ends: Codes = np.cumsum(self.sizes(tensors, lengths)) // self.lanes
        return ends

    def flat(self, codes: Codes, lengths: Sequence[int]) -> Codes:
        """Return the elements of tensors (n, elements) one after the other, none that fill up."""
        counts = np.arange(self.elements) < self.sizes(len(codes), lengths)[:, None]
        return codes[counts]


@dataclass(frozen=True)
class TracePort:
    """The results of one task: ``trace_<task>_{valid,index,data}``.

    Parameters
    ----------
    task, node
        Names of the task and of the node that it works for.
    elements
        Results of the task for one tensor.
    lanes, bits, signed
        Layout of ``data``, as for a stream.
    ordered
        Whether beats come in stream order.
    row
        As for a stream.
    """

    task: str
    node: str
    elements: int
    lanes: int
    bits: int
    signed: bool
    ordered: bool = True
    row: int = 0

    def tensors(self, indices: Codes, lengths: Sequence[int] = ()) -> Codes:
        """Return the number of the tensor that each beat belongs to, from the beats' indices.

        In stream order a tensor ends where the index falls: its last beats may overlap.  Beats
        in another order are whole ones.
        """
        if self.ordered:
            falls: Codes = np.cumsum(np.diff(indices, prepend=-1) <= 0)
            return falls
        if not lengths:
            return np.arange(len(indices)) // (self.elements // self.lanes)
        ends = np.cumsum(self.sizes(len(lengths), lengths)) // self.lanes
        found: Codes = np.searchsorted(ends, np.arange(len(indices)), side="right")
        return found

    def sizes(self, tensors: int, lengths: Sequence[int]) -> Codes:
        """Return the results of the task for each tensor."""
        return sizes_of(self.elements, self.row, tensors, lengths)


def sizes_of(elements: int, row: int, tensors: int, lengths: Sequence[int]) -> Codes:
    """Return the elements of each tensor, ``row`` for each of its tokens if they differ."""
    if not row or not lengths:
        return np.full(tensors, elements, np.int64)
    return row * np.array(lengths[:tensors], np.int64)


@dataclass(frozen=True)
class Design:
    """An emitted top.

    Parameters
    ----------
    name
        Top module.
    inputs, outputs
        Its streams.
    traces
        Trace ports of the traced variant, in the order in which tasks depend on each other.
    registers
        Names of the registers by word address.
    """

    name: str
    inputs: tuple[StreamPort, ...]
    outputs: tuple[StreamPort, ...]
    traces: tuple[TracePort, ...]
    registers: tuple[tuple[int, str], ...]

    @property
    def words(self) -> int:
        """Words of the register map."""
        return 1 + max((word for word, _ in self.registers), default=-1)

    def ports_def(self, trace: bool) -> str:
        """Return the text of ``ports.def`` for the compiled testbench."""
        lines = [f"HWGEN_INPUT({port.name})" for port in self.inputs]
        lines += [f"HWGEN_OUTPUT({port.name})" for port in self.outputs]
        lines += [f"HWGEN_TRACE({port.task})" for port in self.traces] if trace else []
        return "\n".join([*lines, ""])


def port_bytes(width: int) -> int:
    """Return the bytes that Verilator gives a port of ``width`` bits."""
    for size in (1, 2, 4, 8):
        if width <= 8 * size:
            return size
    return 4 * -(-width // 32)


def pack(codes: Codes, lanes: int, bits: int) -> Bytes:
    """Return the beats of ``codes`` as the bytes that a testbench writes to a port.

    Parameters
    ----------
    codes
        Elements in stream order, a multiple of ``lanes`` of them, each of ``bits`` bits.

    Returns
    -------
    ndarray of uint8, shape (beats, bytes of the port)
        Little-endian, the first element in the least significant bits.
    """
    words = codes.reshape(-1, lanes) & ((1 << bits) - 1)
    ones = (words[:, :, None] >> np.arange(bits)) & 1
    flat = ones.reshape(len(words), lanes * bits).astype(np.uint8)
    size = port_bytes(lanes * bits)
    beats = np.zeros((len(words), size), np.uint8)
    packed = np.packbits(flat, axis=1, bitorder="little")
    beats[:, : packed.shape[1]] = packed
    return beats


def unpack(beats: Bytes, lanes: int, bits: int, signed: bool) -> Codes:
    """Return the elements of beats in stream order: the inverse of :func:`pack`."""
    flat = np.unpackbits(beats, axis=1, bitorder="little")[:, : lanes * bits]
    ones = flat.reshape(-1, bits).astype(np.int64)
    codes: Codes = ones @ (1 << np.arange(bits, dtype=np.int64))
    if signed:
        codes -= (codes >> (bits - 1)) << bits
    return codes
