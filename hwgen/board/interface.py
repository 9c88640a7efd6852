"""What an accelerator looks like from its streams, and how the board tells it to the host."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from math import prod

from hwgen.plan.model import Plan
from hwgen.quant.model import QGraph

__all__ = ["Interface", "Port", "interface_of"]

_FORMAT = 2  # of the identity block; another number means another layout


@dataclass(frozen=True)
class Port:
    """One input or output stream.

    Parameters
    ----------
    name
        Of the tensor.
    bits, signed
        Type of an element.
    lanes
        Elements per beat; divides the elements of a tensor.
    shape
        (channels, height, width), (tokens, features) or (features,).
    sequence
        Whether it has as many rows as a tensor has tokens, if that can differ; ``shape`` is that of
        the longest.
    """

    name: str
    bits: int
    signed: bool
    lanes: int
    shape: tuple[int, ...]
    sequence: bool = False

    def at(self, tokens: int) -> Port:
        """Return the port for tensors of so many tokens; 0 for those of its shape."""
        if not tokens or not self.sequence:
            return self
        return replace(self, shape=(tokens, *self.shape[1:]))

    @property
    def elements(self) -> int:
        """Elements of a tensor."""
        return prod(self.shape)

    @property
    def beats(self) -> int:
        """Beats of a tensor."""
        return self.elements // self.lanes

    @property
    def beat_bits(self) -> int:
        """Bits of a beat's data."""
        return self.bits * self.lanes

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat on the wire: each beat starts at a byte."""
        return -(-self.beat_bits // 8)


@dataclass(frozen=True)
class Interface:
    """Name, identity and streams of an accelerator; ports are numbered in this order.

    Parameters
    ----------
    identity
        SHA-256 of the build, 64 hex digits.
    version
        Of the hwgen that made it: major, minor, patch; 0 to 255 each.
    lengths
        Tokens that a tensor can have, the longest first; none if all have their shapes.
    """

    name: str
    identity: str
    version: tuple[int, int, int]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    lengths: tuple[int, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the identity block that the board answers to IDENTIFY.

        Numbers are little-endian.  ``format u8, version 3 x u8, identity 32 bytes, name,
        inputs u8, outputs u8, lengths u8, each length u32``, then for each port ``name, bits u8,
        flags u8 (1 signed, 2 a sequence), lanes u16, dimensions u8, each dimension u32``; a name is
        its length (u8) and its ASCII bytes.
        """
        head = struct.pack("<B3B", _FORMAT, *self.version) + bytes.fromhex(self.identity)
        head += _text(self.name) + bytes((len(self.inputs), len(self.outputs)))
        head += struct.pack(f"<B{len(self.lengths)}I", len(self.lengths), *self.lengths)
        for port in (*self.inputs, *self.outputs):
            head += _text(port.name)
            flags = port.signed | port.sequence << 1
            head += struct.pack("<BBHB", port.bits, flags, port.lanes, len(port.shape))
            head += struct.pack(f"<{len(port.shape)}I", *port.shape)
        return head

    @classmethod
    def from_bytes(cls, block: bytes) -> Interface:
        """Return what an identity block says.

        Raises
        ------
        ValueError
            If it is not one.
        """
        try:
            return cls._parse(block)
        except (struct.error, UnicodeDecodeError, IndexError) as error:
            raise ValueError(f"Identity block of {len(block)} bytes is damaged") from error

    @classmethod
    def _parse(cls, block: bytes) -> Interface:
        layout, *version = struct.unpack_from("<B3B", block)
        if layout != _FORMAT:
            raise ValueError(f"Identity block has format {layout}, not {_FORMAT}")
        identity = block[4:36].hex()
        name, at = _read_text(block, 36)
        counts = struct.unpack_from("<BB", block, at)
        (several,) = struct.unpack_from("<B", block, at + 2)
        lengths = struct.unpack_from(f"<{several}I", block, at + 3)
        at += 3 + 4 * several
        ports = []
        for _ in range(sum(counts)):
            port_name, at = _read_text(block, at)
            bits, flags, lanes, dimensions = struct.unpack_from("<BBHB", block, at)
            at += 5
            shape = struct.unpack_from(f"<{dimensions}I", block, at)
            at += 4 * dimensions
            signed, sequence = bool(flags & 1), bool(flags & 2)
            ports.append(Port(port_name, bits, signed, lanes, shape, sequence))
        if at != len(block):
            raise ValueError(f"Identity block has {len(block) - at} bytes too many")
        major, minor, patch = version
        inputs, outputs = tuple(ports[: counts[0]]), tuple(ports[counts[0] :])
        return cls(name, identity, (major, minor, patch), inputs, outputs, lengths)


def _text(text: str) -> bytes:
    return struct.pack("<B", len(text)) + text.encode("ascii")


def _read_text(block: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + block[at]
    if end > len(block):
        raise IndexError(at)
    return block[at + 1 : end].decode("ascii"), end


def interface_of(
    plan: Plan, qgraph: QGraph, identity: str, version: tuple[int, int, int]
) -> Interface:
    """Return the interface of a build's accelerator."""

    def port(name: str, lanes: int) -> Port:
        tensor = qgraph.tensor(name)
        kind = tensor.type
        return Port(name, kind.bits, kind.signed, lanes, tensor.shape, tensor.sequence)

    inputs = tuple(port(tensor.name, plan.input_lanes[tensor.name]) for tensor in qgraph.inputs)
    outputs = tuple(port(name, plan.output_lanes[name]) for name in qgraph.outputs)
    return Interface(plan.name, identity, version, inputs, outputs, plan.lengths)
