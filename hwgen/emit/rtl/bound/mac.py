"""The time-shared engine that multiplies by weights."""

from __future__ import annotations

from typing import Any, ClassVar

from amaranth.hdl import Module

from hwgen.emit.rtl.bound.base import Bound
from hwgen.emit.rtl.memories import channel_words, weight_words
from hwgen.emit.rtl.tasks import mac_task, multiplier_bits, products_of
from hwgen.emit.rtl.walks import mac_walk
from hwgen.ops import get_op
from hwgen.plan.model import Engine, Plan
from hwgen.quant.model import QGraph
from rtl_templates.mac.mac_core import MacCore, MacShape

__all__ = ["BoundMac"]


class BoundMac(Bound):
    """See :class:`Bound`; the core is :class:`MacCore`."""

    template: ClassVar[str] = "mac"

    def __init__(self, plan: Plan, qgraph: QGraph, engine: Engine) -> None:
        super().__init__(plan, qgraph, engine)
        self.walks = [mac_walk(task.work, engine.fold) for task in self.tasks]
        self.align(self.walks)

    def build(self, m: Module, task: Any, start: Any) -> None:
        """Instantiate the core with the weights of all tasks one after the other."""
        fold, engine = self.engine.fold, self.engine
        requants = [node.lowered.requant for node in self.nodes]
        factor_bits = max(multiplier_bits(item) for item in requants if item is not None)
        shape = MacShape(
            rows=1,
            row_pitch=0,
            elements=fold.elements,
            outputs=fold.outputs,
            lanes=fold.lanes,
            x_bits=self.buffer.bits,
            x_signed=any(types[0].signed for types in self.types),
            weight_bits=engine.weight_bits,
            acc_bits=max(node.acc_bits for node in self.nodes),
            multiplier_bits=factor_bits,
            out_bits=self.buffer.bits,
            **products_of(engine.multiplier),
        )
        tasks: list[Any] = []
        weights: list[int] = []
        channels: list[int] = []
        skip = any(walk.skips for walk in self.walks)
        places: dict[str, tuple[int, int]] = {}
        for item, node, walk, types in zip(
            self.tasks, self.nodes, self.walks, self.types, strict=True
        ):
            known = (item.shares or item.name) in places
            first = places.setdefault(item.shares or item.name, (len(weights), len(channels)))
            if skip:
                walk = walk.counting_words(first[0])
            assert node.lowered.requant is not None
            tasks.append(mac_task(node, types[0], item.work, fold, walk, *first))
            if known:
                continue  # the same weights for a shorter tensor, or another one
            shapes = [self.qgraph.tensor(name).shape for name in node.inputs]
            codes = get_op(node.op).stream_weights(node.lowered, shapes)
            weights += weight_words(codes, item.work, fold, engine.weight_bits, engine.multiplier)
            channels += channel_words(
                node.lowered.constants["bias"],
                node.lowered.requant,
                fold.lanes,
                shape.acc_bits,
                factor_bits,
            )
        core = MacCore(shape, tasks, weights, channels, sequential=True)
        m.submodules.mac = core
        base = self.bases(m, task, 0)
        self.data = core.data[0]
        self.address = base + core.address[0]
        self.step, self.beat_valid, self.beat = core.step, core.beat_valid, core.beat
        m.d.comb += [
            core.task.eq(task),
            core.start.eq(start),
            core.go.eq(1),
            core.missing.eq(self.missing_of(m, task)),
        ]
