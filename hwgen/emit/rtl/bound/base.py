"""What an engine of a sequential plan offers to the accelerator around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any, ClassVar

from amaranth.hdl import Const, Module, Signal

from hwgen.emit.rtl.walks import granule
from hwgen.ops.types import QType
from hwgen.plan.caches import stored
from hwgen.plan.cost import reads_of
from hwgen.plan.histories import read_address
from hwgen.plan.model import Engine, Plan, Task
from hwgen.quant.lengths import at_length
from hwgen.quant.model import QGraph, QNode
from rtl_templates.memory.select import TaskField
from rtl_templates.memory.walk import Walk

__all__ = ["Bound"]


class Bound(ABC):
    """One time-shared engine with the constants of all its tasks.

    Parameters
    ----------
    plan, qgraph
        What the engine is part of.
    engine
        Its size; ``plan.engine(engine.name)``.

    Attributes
    ----------
    template : name of the template, also of the submodule.
    lanes, reads : elements of a beat written, and of a read.
    granule : power of two that divides every read address; at most the buffer's banks.
    tasks, nodes, types : its tasks in the plan's order, their nodes, and the types they read;
        those of the longest tensors, then the same ones for each shorter length.
    alike : tasks that belong to one length: those of the other lengths, which follow, have the same
        constants.
    length, kind : given before :meth:`build`: index of the present tensor's length, and of the
        present task among those of its length.
    index : element offset of the beat in the output tensor of the task's node, for an engine
        whose beats do not leave in stream order; else None.
    address, data, step, beat_valid, beat : set by :meth:`build`.  ``address`` is the element
        read in this cycle, ``data`` is to be driven with it in the next one (``reads``
        elements), ``step`` says that the engine works (for the counters), ``beat_valid`` and
        ``beat`` are what it writes.  It may never have to wait for read or write.
    flags : pulses for the status register, set by :meth:`build`: ``masked``, ``saturated`` (a
        number).
    fresh : pulse, given before :meth:`build`: a new sequence begins; never while a task runs.
    caches : given before :meth:`build`: of each cached node, by its name, a ``TokenCount`` with
        ``seen`` and ``slot``, which are stable while its task runs.
    missing : given before :meth:`build`: of each task that reads rows of earlier tensors, by its
        name, how many of the first elements that it sees are missing; stable while it runs.
    memory : given before :meth:`build`: the ``memory`` engine, if there is one.
    single : the beat is its first element alone, of an engine that writes such beats; else None.
    done : last cycle of a phase, of an engine that does not write to the buffer; else None.
    """

    template: ClassVar[str]
    index: Any = None
    done: Any = None
    single: Any = None
    memory: Any = None
    address: Any
    data: Any
    step: Any
    beat_valid: Any
    beat: Any
    fresh: Any = Const(0)
    caches: Mapping[str, Any]
    missing: Mapping[str, Any]
    length: Any = Const(0)
    kind: Any

    def __init__(self, plan: Plan, qgraph: QGraph, engine: Engine) -> None:
        self.plan = plan
        self.qgraph = qgraph
        self.engine = engine
        self.lanes = engine.fold.lanes
        self.tasks: list[Task] = []
        self.nodes: list[QNode] = []
        for variant in plan.variants:
            graph = at_length(qgraph, variant.tokens)
            mine = [task for task in variant.tasks if task.engine == engine.name]
            self.tasks += mine
            self.nodes += [graph.node(task.node) for task in mine]
        self.alike = len(self.tasks) // len(plan.variants)
        self.reads = reads_of(engine.template, engine.fold)
        (self.buffer,) = plan.buffers
        self.types: list[tuple[QType, ...]] = [
            tuple(stored(qgraph, name).type for name in task.reads) for task in self.tasks
        ]
        self.granule = self.buffer.banks
        self.flags: dict[str, Any] = {}
        self.caches = {}
        self.missing = {}

    @abstractmethod
    def build(self, m: Module, task: Any, start: Any) -> None:
        """Instantiate the engine in ``m``.

        Parameters
        ----------
        task
            Index of the present task in ``tasks``; stable from two cycles before ``start`` to
            the end of the phase.
        start
            The first step may be issued in the next cycle.
        """

    def per_length(self, task: int, values: Sequence[int]) -> int | tuple[int, ...]:
        """Return what belongs to a task of the longest tensors, if it is one value by task.

        With several lengths it is a tuple with the value of each.
        """
        found = tuple(values[task :: self.alike])
        return found if len(found) > 1 else found[0]

    def align(self, walks: list[Walk]) -> None:
        """Lower ``granule`` to what the walks of the tasks' tensors need."""
        for task, walk in zip(self.tasks, walks, strict=True):
            for port in range(len(task.reads)):
                start = read_address(self.plan, task, port)
                self.granule = gcd(self.granule, granule(walk, self.buffer.banks, start=start))

    def missing_of(self, m: Module, task: Any) -> Any:
        """Return how many elements the present task misses: a register, or 0 if none ever does."""
        counts = [self.missing.get(item.name) for item in self.tasks]
        widths = [len(count) for count in counts if count is not None]
        if not widths:
            return Const(0)
        missing = Signal(max(widths), name=f"missing_{self.template}")
        with m.Switch(task):
            for k, count in enumerate(counts):
                with m.Case(k):
                    m.d.sync += missing.eq(0 if count is None else count)
        return missing

    def bases(self, m: Module, task: Any, port: int) -> Any:
        """Return where the port's tensor of the present task begins."""
        values = [
            read_address(self.plan, item, min(port, len(item.reads) - 1)) for item in self.tasks
        ]
        return TaskField(m, task)(values, f"base_{self.template}_{port}")
