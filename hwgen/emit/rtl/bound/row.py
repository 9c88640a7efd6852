"""The time-shared engine of ops on whole rows: normalisation, softmax, Hadamard transform."""

from __future__ import annotations

from typing import Any, ClassVar

from amaranth.hdl import Const, Module, Mux, Signal

from hwgen.emit.rtl.bound.base import Bound
from hwgen.emit.rtl.rows import ROW_CORES, walk_of_rows
from hwgen.plan.model import Engine, Plan
from hwgen.quant.model import QGraph
from rtl_templates.memory.mover import Mover
from rtl_templates.memory.select import TaskField

__all__ = ["BoundRow"]


class BoundRow(Bound):
    """See :class:`Bound`; a core per kind of work, both behind one :class:`Mover`."""

    template: ClassVar[str] = "row"

    def __init__(self, plan: Plan, qgraph: QGraph, engine: Engine) -> None:
        super().__init__(plan, qgraph, engine)
        self.walks = [walk_of_rows(task.work, engine.fold.lanes) for task in self.tasks]
        self.align(self.walks)

    def build(self, m: Module, task: Any, start: Any) -> None:
        """Instantiate the mover, and a core for each kind of work that there is."""
        m.submodules.row = mover = Mover(self.walks, sequential=True)
        self.address = self.bases(m, task, 0) + mover.y + mover.x
        self.step = mover.step
        self.data = Signal(self.lanes * self.buffer.bits, name="row_data")
        m.d.comb += [mover.task.eq(task), mover.start.eq(start), mover.go.eq(1)]
        valid, beat = Const(0, 1), Const(0)
        for kind in ROW_CORES:
            core = self._core(m, kind)
            if core is None:
                continue
            here = [item.work.kind == kind for item in self.tasks]
            runs = TaskField(m, task)(here, f"is_{kind}")
            m.d.comb += [
                core.step.eq(mover.step & runs),
                core.first.eq(mover.first),
                core.last.eq(mover.last),
                core.data.eq(self.data),
            ]
            valid, beat = valid | core.beat_valid, Mux(core.beat_valid, core.beat, beat)
        self.beat_valid, self.beat = valid, beat

    def _core(self, m: Module, kind: str) -> Any:
        """Return the core of the tasks of a kind, or None if there is none."""
        mine = [k for k in range(self.alike) if self.tasks[k].work.kind == kind]
        if not mine:
            return None
        core = ROW_CORES[kind](
            [self.nodes[k] for k in mine],
            [self.types[k][0] for k in mine],
            lanes=self.lanes,
            x_bits=self.buffer.bits,
            out_bits=self.buffer.bits,
        )
        m.submodules[kind] = core
        with m.Switch(self.kind):
            for index, k in enumerate(mine):
                with m.Case(k):
                    m.d.comb += core.task.eq(index)
        return core
