"""What a sequential accelerator keeps from tensor to tensor: how far its caches are filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Module, Mux, Signal

from hwgen.emit.rtl.bound import Bound
from hwgen.plan.caches import is_staged, ring_of, tokens_of
from hwgen.plan.external import EXTERNAL
from hwgen.plan.model import Plan, Task
from rtl_templates.memory.ring import RingWriter, SizeWriter, TokenCount

__all__ = ["Caches", "new_sequence"]


@dataclass(frozen=True)
class Caches:
    """The registers of all caches.

    Parameters
    ----------
    counts
        A ``TokenCount`` per cached node, by its name: ``seen``, ``slot``.
    """

    counts: dict[str, Any]
    _writers: dict[str, Any]
    _sizes: dict[str, Any]
    _plan: Plan

    @classmethod
    def of(cls, m: Module, plan: Plan, clear: Any, begin: Any, length: Any) -> Caches:
        """Instantiate a count per cached node and a writer per cache.

        Parameters
        ----------
        clear
            A new sequence begins.
        begin, length
            The first task of a tensor begins, and the index of the tensor's length.
        """
        counts: dict[str, Any] = {}
        writers: dict[str, Any] = {}
        sizes: dict[str, Any] = {}
        for task in plan.tasks:
            if not task.appends:
                continue
            attend = plan.task(task.node).work.attend
            assert attend is not None
            ring = ring_of(attend)
            slots = {"slots": ring.slots, "pinned": ring.pinned, "start": ring.start}
            if task.engine != EXTERNAL:  # the memory engine has writers of its own
                codes = 2 if task.sizes else 1  # in an element
                whole = {
                    "slots": attend.queries,
                    "pinned": 0,
                    "start": 0,
                }  # a tensor, none after it
                staged = is_staged(task.appends)
                writers[task.name] = RingWriter(
                    row=task.work.ports[0].row // codes,
                    lanes=plan.engine(task.engine).fold.lanes // codes,
                    **(whole if staged else slots),
                )
                m.submodules[f"append_{task.name}"] = writers[task.name]
                if task.sizes:
                    pitch = plan.placement(task.sizes).elements // attend.kv_heads
                    sizes[task.name] = (
                        RingWriter(row=attend.kv_heads, lanes=1, **whole)
                        if staged
                        else SizeWriter(heads=attend.kv_heads, pitch=pitch, **slots)
                    )
                    m.submodules[f"sizes_{task.name}"] = sizes[task.name]
            if task.node not in counts:
                counts[task.node] = TokenCount(
                    slots=ring.slots,
                    pinned=ring.pinned,
                    start=ring.start,
                    tokens=tokens_of(plan, task.node),
                    restarts=ring.restarts,
                    most=ring.most,
                )
                m.submodules[f"seen_{task.node}"] = counts[task.node]
        for count in counts.values():
            m.d.comb += [count.clear.eq(clear), count.begin.eq(begin), count.length.eq(length)]
        for task in plan.tasks:
            if task.name in writers:
                anew = begin if is_staged(task.appends) else counts[task.node].emptied
                m.d.comb += writers[task.name].clear.eq(clear | anew)
                if task.name in sizes:
                    m.d.comb += sizes[task.name].clear.eq(clear | anew)
        return cls(counts, writers, sizes, plan)

    @property
    def overflows(self) -> list[Any]:
        """Pulses of caches that are emptied because they have no room."""
        return [count.emptied for count in self.counts.values()]

    def follow(self, m: Module, task: Task, here: Any, done: Any, engine: Bound) -> Any | None:
        """Move on with a task; return the offset of its beats if it appends to a cache.

        It counts from the cache's address, or from that of the buffer if there are sizes too.

        Parameters
        ----------
        here
            The task's phase is running.
        done
            It ends with this cycle.
        engine
            The task's, which pushes beats.
        """
        if task.name in self._sizes:
            codes, sizes = self._writers[task.name], self._sizes[task.name]
            with m.If(here & engine.beat_valid):
                m.d.comb += [codes.push.eq(~engine.single), sizes.push.eq(engine.single)]
            return Mux(
                engine.single,
                self._plan.placement(task.sizes).address + sizes.offset,
                self._plan.placement(task.appends).address + codes.offset,
            )
        if task.name in self._writers:
            writer = self._writers[task.name]
            with m.If(here):
                m.d.comb += writer.push.eq(engine.beat_valid)
            return writer.offset
        if task.node in self.counts and not task.appends:
            with m.If(here):
                m.d.comb += self.counts[task.node].advance.eq(done)
        return None


def new_sequence(m: Module, asked: Any, may: Any) -> Any:
    """Return a pulse: a new sequence begins; ``asked`` waits until ``may``."""
    pending, begins = Signal(name="sequence_pending"), Signal(name="sequence_begins")
    m.d.comb += begins.eq(pending & may)
    with m.If(asked):
        m.d.sync += pending.eq(1)
    with m.Elif(may):
        m.d.sync += pending.eq(0)
    return begins
