"""A top that copies blocks within the memory behind its AXI port."""

from amaranth.hdl import Elaboratable, Module, Signal

from rtl_templates.memory_port.axi import AxiPort
from rtl_templates.memory_port.block_reader import BlockReader
from rtl_templates.memory_port.block_writer import BlockWriter
from rtl_templates.memory_port.pins import axi_pins

__all__ = ["MemoryCopier"]


class MemoryCopier(Elaboratable):
    """Copies ``beats`` + 1 beats from ``source`` to ``target`` for each transfer of a request."""

    def __init__(self, *, address_bits, data_bits, burst, beats, depth):
        common = {
            "address_bits": address_bits,
            "data_bits": data_bits,
            "burst": burst,
            "beats": beats,
        }
        self.reader = BlockReader(depth=depth, **common)
        self.writer = BlockWriter(**common)
        self.port = AxiPort(address_bits, data_bits).create()
        self.source = Signal(address_bits)
        self.target = Signal(address_bits)
        self.beats = Signal(range(beats))
        self.valid = Signal()
        self.ready = Signal()
        self.idle = Signal()
        self.ports = [self.source, self.target, self.beats, self.valid, self.ready, self.idle]
        self._connections = Module()
        self.ports += [pin for pin, _ in axi_pins(self._connections, self.port, "m_axi")]

    def elaborate(self, platform):
        m = self._connections
        m.submodules.reader = reader = self.reader
        m.submodules.writer = writer = self.writer
        for name, master in (("ar", reader), ("aw", writer), ("w", writer)):
            channel, own = getattr(self.port, name), getattr(master, name)
            m.d.comb += [
                channel.payload.eq(own.payload),
                channel.valid.eq(own.valid),
                own.ready.eq(channel.ready),
            ]
        for name, master in (("r", reader), ("b", writer)):
            channel, own = getattr(self.port, name), getattr(master, name)
            m.d.comb += [
                own.payload.eq(channel.payload),
                own.valid.eq(channel.valid),
                channel.ready.eq(own.ready),
            ]
        m.d.comb += [
            reader.blocks.payload.address.eq(self.source),
            writer.blocks.payload.address.eq(self.target),
            reader.blocks.payload.beats.eq(self.beats),
            writer.blocks.payload.beats.eq(self.beats),
            reader.blocks.valid.eq(self.valid & writer.blocks.ready),
            writer.blocks.valid.eq(self.valid & reader.blocks.ready),
            self.ready.eq(reader.blocks.ready & writer.blocks.ready),
            writer.i.payload.data.eq(reader.o.payload),
            writer.i.payload.strobe.eq(-1),
            writer.i.valid.eq(reader.o.valid),
            reader.o.ready.eq(writer.i.ready),
            self.idle.eq(writer.idle),
        ]
        return m
