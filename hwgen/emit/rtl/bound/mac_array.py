"""The time-shared weight-stationary array: linear layers of operands of 4 and 8 bits."""

from __future__ import annotations

from math import gcd
from typing import Any, ClassVar

from amaranth.hdl import Module, Signal

from hwgen.emit.rtl.block_layers import block_geometry, block_layer
from hwgen.emit.rtl.bound.base import Bound
from hwgen.plan.model import Engine, Plan
from hwgen.quant.model import QGraph
from rtl_templates.mac_array.block_core import BlockCore
from rtl_templates.mac_array.reads import tile_reads

__all__ = ["BoundMacArray"]


class BoundMacArray(Bound):
    """See :class:`Bound`; the core is :class:`BlockCore`."""

    template: ClassVar[str] = "mac_array"

    def __init__(self, plan: Plan, qgraph: QGraph, engine: Engine) -> None:
        super().__init__(plan, qgraph, engine)
        self.geometries = []
        for task, node, types in zip(self.tasks, self.nodes, self.types, strict=True):
            shapes = [qgraph.tensor(name).shape for name in node.inputs]
            layer = block_layer(task.work, node, shapes, types[0])
            geometry = block_geometry(layer, engine.fold)
            self.geometries.append(geometry)
            places = [
                channel
                for tile in geometry.inner
                for channel, _, _ in tile_reads(tile.channels, self.reads)
            ]
            start = plan.placement(task.reads[0]).address
            self.granule = gcd(self.granule, start, task.work.elements, *places)
        self.index = Signal(range(max(2, self.buffer.elements)), name="mac_array_index")

    def build(self, m: Module, task: Any, start: Any) -> None:
        """Instantiate the core with the weights of all tasks one after the other."""
        bits = self.buffer.bits
        m.submodules.mac_array = core = BlockCore(
            self.geometries, self.alike, x_bits=bits, out_bits=bits
        )
        self.data = Signal(self.reads * bits, name="mac_array_data")
        self.address = self.bases(m, task, 0) + core.address
        m.d.comb += [
            core.task.eq(task),
            core.start.eq(start),
            core.data.eq(self.data),
            self.index.eq(core.index),
        ]
        self.step, self.beat_valid, self.beat = core.step, core.beat_valid, core.beat
