"""A memory that needs no logic around block RAM."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["BlockMemory"]

WORTH = 256
"""Bits from which on a memory is worth a block RAM."""


class BlockMemory(wiring.Component):
    """A write port and a read port that never meet: in no cycle do both take the same address.

    Block RAM of several families answers such a read with neither the old word nor the new one, so
    that synthesis adds a bypass, 40 LUTs for 32 bits on ECP5, unless it is told
    (``no_rw_check``).  Whoever uses this memory proves that it does not happen, or that
    nobody looks at what comes; ``tests/support/spite.py`` answers with noise to find out.

    Latency: ``data`` one cycle after ``address``.  Throughput: a read and a write per cycle.
    Infers ``depth`` words of ``width`` bits.

    Parameters
    ----------
    width, depth : int

    Members
    -------
    write : ``In(1)``
    written : ``In(range(depth))``
    value : ``In(width)``
    address : ``In(range(depth))``
    data : ``Out(width)``
    """

    def __init__(self, width, depth):
        self.width = width
        self.depth = depth
        super().__init__(
            {
                "write": In(1),
                "written": In(range(depth)),
                "value": In(width),
                "address": In(range(depth)),
                "data": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        attrs = {"no_rw_check": 1}
        if self.width * self.depth >= WORTH:
            attrs["ram_style"] = "block"
        m.submodules.words = words = Memory(
            shape=unsigned(self.width), depth=self.depth, init=[], attrs=attrs
        )
        writer, reader = words.write_port(), words.read_port()
        m.d.comb += [
            writer.en.eq(self.write),
            writer.addr.eq(self.written),
            writer.data.eq(self.value),
            reader.en.eq(1),
            reader.addr.eq(self.address),
            self.data.eq(reader.data),
        ]
        return m
