"""The time-shared engine that rounds keys and values to 4 bits on their way to caches."""

from __future__ import annotations

from math import gcd
from typing import Any, ClassVar

from amaranth.hdl import Cat, Const, Module, Signal

from hwgen.emit.rtl.array_tasks import pack_task
from hwgen.emit.rtl.bound.base import Bound
from hwgen.plan.caches import holds_values
from hwgen.plan.model import Engine, Plan
from hwgen.quant.model import QGraph
from rtl_templates.attention.pack_rows import PackRows

__all__ = ["BoundPack"]

_ELEMENT_BITS = 8
"""Of an element of the buffer that two codes, or a size, take."""


class BoundPack(Bound):
    """See :class:`Bound`; the core is :class:`PackRows`.  It writes two codes an element."""

    template: ClassVar[str] = "pack"

    def __init__(self, plan: Plan, qgraph: QGraph, engine: Engine) -> None:
        super().__init__(plan, qgraph, engine)
        self.lanes //= 2
        starts = [plan.placement(name).address for task in self.tasks for name in task.reads]
        self.granule = gcd(self.granule, self.reads, *starts)

    def build(self, m: Module, task: Any, start: Any) -> None:
        """Instantiate the core."""
        constants = [
            pack_task(item.work, node.lowered, values=holds_values(item.appends))
            for item, node in zip(self.tasks, self.nodes, strict=True)
        ]
        rows = [item.work.row.count for item in self.tasks]
        m.submodules.pack = core = PackRows(self.reads, constants, rows)
        self.data = Signal(self.reads * self.buffer.bits, name="pack_data")
        words = [self.data.word_select(lane, self.buffer.bits) for lane in range(self.reads)]
        self.address = self.bases(m, task, 0) + core.address
        self.step, self.beat_valid, self.single = core.step, core.beat_valid, core.single
        spare = Const(0, self.buffer.bits - _ELEMENT_BITS)
        self.beat = Cat(
            Cat(core.beat.word_select(lane, _ELEMENT_BITS), spare) for lane in range(self.lanes)
        )
        m.d.comb += [
            core.task.eq(task),
            core.start.eq(start),
            core.data.eq(Cat(word[:_ELEMENT_BITS] for word in words)),
        ]
