"""What an accelerator looks like from its streams, and how the board tells it to the host."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod

from hwgen.plan.model import Plan
from hwgen.quant.model import QGraph

__all__ = ["Interface", "Port", "interface_of"]

_FORMAT = 1  # of the identity block; another number means another layout


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
    """

    name: str
    bits: int
    signed: bool
    lanes: int
    shape: tuple[int, ...]

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
    """

    name: str
    identity: str
    version: tuple[int, int, int]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def to_bytes(self) -> bytes:
        """Return the identity block that the board answers to IDENTIFY.

        Numbers are little-endian.  ``format u8, version 3 x u8, identity 32 bytes, name,
        inputs u8, outputs u8``, then for each port ``name, bits u8, signed u8, lanes u16,
        dimensions u8, each dimension u32``; a name is its length (u8) and its ASCII bytes.
        """
        head = struct.pack("<B3B", _FORMAT, *self.version) + bytes.fromhex(self.identity)
        head += _text(self.name) + bytes((len(self.inputs), len(self.outputs)))
        for port in (*self.inputs, *self.outputs):
            head += _text(port.name)
            head += struct.pack("<BBHB", port.bits, port.signed, port.lanes, len(port.shape))
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
        at += 2
        ports = []
        for _ in range(sum(counts)):
            port_name, at = _read_text(block, at)
            bits, signed, lanes, dimensions = struct.unpack_from("<BBHB", block, at)
            at += 5
            shape = struct.unpack_from(f"<{dimensions}I", block, at)
            at += 4 * dimensions
            ports.append(Port(port_name, bits, bool(signed), lanes, shape))
        if at != len(block):
            raise ValueError(f"Identity block has {len(block) - at} bytes too many")
        major, minor, patch = version
        inputs, outputs = tuple(ports[: counts[0]]), tuple(ports[counts[0] :])
        return cls(name, identity, (major, minor, patch), inputs, outputs)


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
        return Port(name, tensor.type.bits, tensor.type.signed, lanes, tensor.shape)

    inputs = tuple(port(tensor.name, plan.input_lanes[tensor.name]) for tensor in qgraph.inputs)
    outputs = tuple(port(name, plan.output_lanes[name]) for name in qgraph.outputs)
    return Interface(plan.name, identity, version, inputs, outputs)
