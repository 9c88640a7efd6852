"""The masters of the memory port: they append to caches, and fetch their tiles for the array."""

from __future__ import annotations

from math import gcd
from typing import Any, ClassVar

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring

from hwgen.emit.rtl.bound.base import Bound
from hwgen.plan.caches import CACHED, holds_values, ring_of, tokens_of
from hwgen.plan.cost import reads_of
from hwgen.plan.external import is_external
from hwgen.plan.model import Engine, Plan, Task
from hwgen.plan.packed import PACKED_BITS
from hwgen.quant.model import QGraph
from rtl_templates.memory.select import by_length
from rtl_templates.memory_port.block_reader import BlockReader
from rtl_templates.memory_port.block_writer import BlockWriter
from rtl_templates.memory_port.kv_fetch import KvFetch
from rtl_templates.memory_port.kv_layout import KvLayout
from rtl_templates.memory_port.kv_sizes import KvSizes
from rtl_templates.memory_port.kv_store import KvStore
from rtl_templates.streams.delay import delay
from rtl_templates.streams.gearbox import Gearbox

__all__ = ["BoundMemory"]


class BoundMemory(Bound):
    """See :class:`Bound`; it writes nothing to the buffer and says itself when a phase is done.

    Attributes
    ----------
    done : last cycle of a phase, whose rows are all sent: what is read of them waits for answers.
    opens : by node, pulses of the accelerator: no cache is being read, and its own may be.
    ar, r, aw, w, b : channels of the port, to be connected.
    error : an error response.
    """

    template: ClassVar[str] = "memory"
    done: Any
    error: Any

    def __init__(self, plan: Plan, qgraph: QGraph, engine: Engine) -> None:
        super().__init__(plan, qgraph, engine)
        assert plan.memory is not None
        self.port = plan.memory
        for task in self.tasks:
            starts = [plan.placement(name).address for name in task.reads]
            self.granule = gcd(self.granule, *starts, self.reads)
        self.users = [task for task in plan.tasks if is_external(task.work.attend)]
        self.packed = any(task.work.attend.kv4 for task in self.users if task.work.attend)
        self.layouts = {task.node: self._layout(task) for task in self.users}
        self.masters = {"address_bits": self.port.address_bits, "data_bits": self.port.data_bits}
        self.masters["burst"] = self.port.burst
        self.opens = {task.node: Signal(name=f"open_{task.node}") for task in self.users}

    def _layout(self, task: Task) -> KvLayout:
        attend = task.work.attend
        assert attend is not None
        codes = 2 if attend.kv4 else 1  # in an element
        key = self.qgraph.tensor(self.qgraph.node(task.node).inputs[CACHED["k"]])
        return KvLayout(
            base=self.port.caches[task.node],
            kv_heads=attend.kv_heads,
            tiles=-(-attend.keys // attend.tile),
            tile=attend.tile,
            inner=attend.inner // codes,
            features=attend.features // codes,
            bits=8 if attend.kv4 else key.type.bits,
            data_bits=self.port.data_bits,
            sized=attend.kv4,
        )

    def build(self, m: Module, task: Any, start: Any) -> None:
        """Instantiate the writer and a unit per cache; ``start`` begins to append a tensor."""
        longest = max(max(item.key_beats, item.value_beats) for item in self.layouts.values())
        m.submodules.writer = writer = BlockWriter(beats=longest, **self.masters)
        (code_bits,) = {item.bits for item in self.layouts.values()}
        m.submodules.to_beats = self.to_beats = pack = Gearbox(
            self.reads * code_bits, self.port.data_bits
        )
        running, fetching = Signal(name="appending"), Const(0, 1)
        m.d.comb += [
            writer.i.payload.data.eq(pack.o.payload),
            writer.i.payload.strobe.eq(-1),
            writer.i.valid.eq(pack.o.valid),
            pack.o.ready.eq(writer.i.ready),
        ]
        self.data = Signal(self.reads * self.buffer.bits, name="memory_data")
        self.address, asked = Signal(range(max(2, self.buffer.elements))), Signal(name="asked")
        for k, item in enumerate(self.tasks[: self.alike]):
            unit = KvStore(address=self.plan.placement(item.reads[0]).address, **self._unit(item))
            mine = running & (self.kind == k)
            first = self._sizes(m, item, mine, writer) if item.sizes else Const(1, 1)
            self._connect(m, f"append_{item.name}", item, unit, mine & first)
            with m.If(self.kind == k):
                m.d.comb += [
                    asked.eq(unit.asked),
                    pack.i.payload.eq(unit.o.payload),
                    pack.i.valid.eq(unit.o.valid),
                    unit.o.ready.eq(pack.i.ready),
                ]
            with m.If(mine & first):
                m.d.comb += [self.address.eq(unit.read), *_gives(unit.blocks, writer.blocks)]
        self.done = Signal(name="appended")
        m.d.comb += self.done.eq(running & asked & writer.sent)
        with m.If(start):
            m.d.sync += running.eq(1)
        with m.Elif(self.done):
            m.d.sync += running.eq(0)
        self.step, self.beat_valid, self.beat = running, fetching, Const(0, 1)
        self.aw, self.w, self.b = writer.aw, writer.w, writer.b
        self._fetch(m, PACKED_BITS if self.packed else code_bits, writer.idle)
        self.error = writer.error | self.reader.error

    def _sizes(self, m: Module, item: Task, mine: Any, writer: Any) -> Any:
        """Write the sizes of a tensor before its codes; return whether these may be read."""
        unit = KvSizes(address=self.plan.placement(item.reads[1]).address, **self._unit(item))
        self._connect(m, f"append_{item.sizes}", item, unit, mine)
        with m.If(mine & ~unit.asked):
            m.d.comb += [self.address.eq(unit.read), *_gives(unit.blocks, writer.blocks)]
        with m.If(mine & ~unit.sent):
            m.d.comb += [
                writer.i.payload.eq(unit.o.payload),
                writer.i.valid.eq(unit.o.valid),
                unit.o.ready.eq(writer.i.ready),
                self.to_beats.o.ready.eq(0),
            ]
        return unit.asked

    def _unit(self, item: Task) -> dict[str, Any]:
        """Return what the units that append a task's tensor have in common."""
        attend = self.plan.task(item.node).work.attend
        assert attend is not None
        ring = ring_of(attend)
        return {
            "layout": self.layouts[item.node],
            "value": holds_values(item.appends),
            "tokens": tokens_of(self.plan, item.node),
            "slots": ring.slots,
            "pinned": ring.pinned,
            "start": ring.start,
            "lanes": self.reads,
            "bits": self.buffer.bits,
            "address_bits": self.port.address_bits,
        }

    def _connect(self, m: Module, name: str, item: Task, unit: Any, run: Any) -> None:
        m.submodules[name] = unit
        m.d.comb += [
            unit.run.eq(run),
            unit.clear.eq(self.fresh | self.caches[item.node].emptied),
            unit.length.eq(self.length),
            unit.data.eq(self.data),
        ]

    def _fetch(self, m: Module, code_bits: int, idle: Any) -> None:
        """Instantiate the reader: beats for the array, asked for as soon as they are there.

        Tiles that the present tensor does not change are, before it comes; the others, when its
        task on the array starts and all that was appended is acknowledged.
        """
        longest = max(item.tiles * item.tile_beats for item in self.layouts.values())
        m.submodules.reader = self.reader = reader = BlockReader(
            beats=longest, depth=self.port.depth, **self.masters
        )
        self.ar, self.r = reader.ar, reader.r
        arrays = {self.plan.engine(task.engine).name for task in self.users}
        (array,) = (engine for engine in self.plan.engines if engine.name in arrays)
        lanes = reads_of(array.template, array.fold)
        m.submodules.from_beats = unpack = Gearbox(self.port.data_bits, lanes * code_bits)
        wiring.connect(m, reader.o, unpack.i)
        self.beats = unpack.o
        self.code_bits = code_bits
        self.asks: dict[str, Any] = {}
        for user in self.users:
            unit = KvFetch(self.layouts[user.node], address_bits=self.port.address_bits)
            m.submodules[f"fetch_{user.node}"] = unit
            self.asks[user.node] = ask = Signal(name=f"ask_{user.node}")
            reads = Signal(name=f"reads_{user.node}")
            start = delay(m, self.opens[user.node], 1, f"opened_{user.node}")
            m.d.comb += [
                unit.start.eq(start),
                unit.tiles.eq(self._tiles(m, user)),
                unit.early.eq(self._early(m, user)),
                unit.written.eq(reads & idle),
            ]
            with m.If(ask):
                m.d.sync += reads.eq(1)
            with m.Elif(start):
                m.d.sync += reads.eq(0)
            with m.If(unit.blocks.valid):
                m.d.comb += _gives(unit.blocks, reader.blocks)

    def _tiles(self, m: Module, user: Task) -> Any:
        """Return the tiles of slots in use once the present tensor is there."""
        attend = user.work.attend
        assert attend is not None
        ring = ring_of(attend)
        tiles, gap = self.layouts[user.node].tiles, ring.start - ring.pinned
        tokens = by_length([n - 1 for n in tokens_of(self.plan, user.node)], self.length)
        last = Signal(range(ring.most + attend.queries), name=f"last_key_{user.node}")
        # The ring begins that much later than the pinned slots end.
        slot = Signal(range(ring.most + attend.queries + gap), name=f"last_slot_{user.node}")
        m.d.comb += [
            last.eq(self.caches[user.node].seen + tokens),
            slot.eq(last + Mux(last >= ring.pinned, gap, 0)),
        ]
        tile = slot >> (attend.tile - 1).bit_length()
        return Mux(tile >= tiles, tiles, tile + 1)

    def _early(self, m: Module, user: Task) -> Any:
        """Return the tiles before the first one that the present tensor changes."""
        attend, cache = user.work.attend, self.caches[user.node]
        assert attend is not None
        ring = ring_of(attend)
        tokens = by_length(tokens_of(self.plan, user.node), self.length)
        slot = Signal(range(max(2, ring.slots + 1)), name=f"first_slot_{user.node}")
        m.d.comb += slot.eq(cache.seen)
        if not ring.restarts:
            with m.If(cache.seen >= ring.pinned):
                wraps = cache.slot + tokens > ring.slots - ring.start
                m.d.comb += slot.eq(ring.start + Mux(wraps, 0, cache.slot))
        return slot >> (attend.tile - 1).bit_length()


def _gives(blocks: Any, to: Any) -> list[Any]:
    """Return the statements that hand blocks on, of whatever longest length."""
    return [
        to.valid.eq(blocks.valid),
        to.payload.address.eq(blocks.payload.address),
        to.payload.beats.eq(blocks.payload.beats),
        blocks.ready.eq(to.ready),
    ]
