"""The time-shared engine that folds and scales channels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from amaranth.hdl import Module, Signal

from hwgen.emit.rtl.bound.base import Bound
from hwgen.emit.rtl.tasks import input_types, vector_acc_bits, vector_task
from hwgen.emit.rtl.walks import vector_walk
from hwgen.ops.types import QType
from hwgen.plan.model import Engine, Plan, Task
from hwgen.quant.model import QGraph
from rtl_templates.arith.requantize import Scale
from rtl_templates.memory.mover import Mover
from rtl_templates.memory.select import TaskField
from rtl_templates.vector.vector_core import VectorCore, VectorShape, VectorTask

__all__ = ["BoundVector"]


class BoundVector(Bound):
    """See :class:`Bound`; the core is :class:`VectorCore` behind a :class:`Mover`."""

    template: ClassVar[str] = "vector"

    def __init__(self, plan: Plan, qgraph: QGraph, engine: Engine) -> None:
        super().__init__(plan, qgraph, engine)
        self.walks = [vector_walk(task.work, engine.fold.lanes) for task in self.tasks]
        self.align(self.walks)

    def build(self, m: Module, task: Any, start: Any) -> None:
        """Instantiate core and mover."""
        constants, acc_bits = [], []
        tokens = [node.out.shape[0] if len(node.out.shape) == 2 else 1 for node in self.nodes]
        for k in range(self.alike):
            item, node, types = self.tasks[k], self.nodes[k], self.types[k]
            all_types = input_types(self.qgraph, node)
            constants.append(
                _copy(types[0])
                if item.moves
                else replace(
                    vector_task(
                        node,
                        item.work.kind,
                        all_types,
                        self._port(item),
                        self.per_length(k, tokens),
                    ),
                    pad=item.work.pad,
                )
            )
            acc_bits.append(vector_acc_bits(node, constants[-1], types, item.work))
        ports = max(len(item.reads) for item in self.tasks)
        shape = VectorShape(
            lanes=self.lanes,
            ports=ports,
            x_bits=self.buffer.bits,
            acc_bits=max(acc_bits),
            out_bits=self.buffer.bits,
        )
        m.submodules.vector = core = VectorCore(shape, constants)
        m.submodules.mover = mover = Mover(self.walks, sequential=True)
        bases = [self.bases(m, task, port) for port in range(ports)]
        # The outermost level of a group counts kernel rows where there is only one input.
        several = TaskField(m, task)([len(item.reads) > 1 for item in self.tasks], "several")
        port = Signal(range(max(2, ports)))
        base = bases[0]
        if ports > 1:
            with m.If(several):
                m.d.comb += port.eq(mover.port)
            base = Signal(range(self.buffer.elements))
            with m.Switch(port):
                for k, value in enumerate(bases):
                    with m.Case(k):
                        m.d.comb += base.eq(value)
        missing = self.missing_of(m, task)
        m.d.sync += core.absent.eq(mover.y < missing)
        self.data = core.data
        self.address = base + mover.y + mover.x
        self.step, self.beat_valid, self.beat = mover.step, core.beat_valid, core.beat
        m.d.comb += [
            core.task.eq(self.kind),
            core.length.eq(self.length if core.lengths > 1 else 0),
            mover.task.eq(task),
            mover.start.eq(start),
            mover.go.eq(1),
            core.step.eq(mover.step),
            core.first.eq(mover.first),
            core.last.eq(mover.last),
            core.port.eq(port),
            core.clear.eq(self.fresh),
        ]

    def _port(self, task: Task) -> int | None:
        """Return which input of ``concat`` work a copy task moves; None for other tasks."""
        tasks = [item for item in self.tasks[: self.alike] if not item.moves]
        parts = [item.name for item in tasks if item.node == task.node]
        return parts.index(task.name) if len(parts) > 1 and not task.moves else None


def _copy(kind: QType) -> VectorTask:
    """Return the task that moves codes as they are."""
    return VectorTask("scale", (kind.signed,), (1,), (0,), Scale(0, 0, kind.low, kind.high))
