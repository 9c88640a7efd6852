"""Event times of a dataflow plan with free-running streams, by max-plus recurrences.

Every rule is a line of the timing contract in ``docs/architecture.md``.  With ``take(s, i)`` the
cycle in which sink ``s`` takes beat ``i`` of a source, ``left(i)`` the cycle in which the source
moves on, ``enter(i)`` the cycle in which an engine's beat enters its FIFO, ``g(k)`` the start of
its k-th group and ``free(r)`` the cycle from which release ``r`` is visible:

- ``offered(i) = max(enter(i) + 1, left(i-1) + 1)``; an input stream offers ``left(i-1) + 1``;
- ``take(s, i) = max(offered(i), free(r))`` with ``r`` the first release after which beat ``i``
  fits the buffer of ``s``; an output takes at once;
- ``left(i) = max(take(s, i) for s in sinks)``;
- ``g(k) = max(g(k-1) + length, take(need) + 1, left(credit) + 1)``, where ``length`` is that of
  group k-1, ``need`` the beat that completes what the position needs and ``credit`` the beat whose
  place in the FIFO the last beat of the group takes;
- ``enter = g + steps - 1 + latency + late + b`` for beat ``b`` of the group; ``late`` is 0 but for
  runs of several samples;
- ``free = g + steps`` of the last group before the release.

Nothing refers to a later event, so each list grows as far as the others allow; when none can grow
and the outputs are not complete, the plan deadlocks.

Most of the time nothing waits: then the events of many groups, or of many beats of an input, are
arithmetic progressions, and are appended at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import groupby

import numpy as np

from hwgen.ops.work import Work
from hwgen.plan.cost import groups_of, length_of, taps_of
from hwgen.plan.model import Channel, Engine, Fold, Plan, Task
from hwgen.plan.runs import run_work
from hwgen.plan.timing import FIFO_LATENCY, latency
from hwgen.plan.window import visits

__all__ = ["DeadlockError", "Events"]


_BULK = 4
"""Groups or beats that are worth appending at once."""

_Pairs = tuple[tuple[int, int], ...]


class DeadlockError(Exception):
    """No engine of the plan can advance: a buffer is too small."""


class _Sink:
    """A channel's end: a window buffer, or an output that is always ready.

    Of the buffer's elements ``history`` are never free: those that the reader keeps of the tensors
    before.
    """

    def __init__(self, channel: Channel, history: int = 0) -> None:
        self.channel = channel
        self.lanes = channel.lanes
        self.depth = channel.depth - history if channel.sink else None
        self.take: list[int] = []
        self.freed: list[int] = []  # elements released so far, at each release
        self.free: list[int] = []  # cycle from which the writer sees it
        self._next = 0
        self._seen = 0

    def fits(self, cycle: int) -> int | None:
        """Return how many more beats there is room for from ``cycle`` on; None if it is endless.

        Successive calls must not go back in time.
        """
        if self.depth is None:
            return None
        while self._seen < len(self.free) and self.free[self._seen] <= cycle:
            self._seen += 1
        freed = self.freed[self._seen - 1] if self._seen else 0
        return (freed + self.depth) // self.lanes - len(self.take)

    def room(self, beat: int) -> int | None:
        """Return the first cycle in which there is room for a beat, None if not known yet."""
        if self.depth is None:
            return 0
        least = (beat + 1) * self.lanes - self.depth
        if least <= 0:
            return 0
        while self._next < len(self.freed) and self.freed[self._next] < least:
            self._next += 1
        return self.free[self._next] if self._next < len(self.freed) else None


class _Source:
    """An input stream, or the FIFO of an engine, with the fork behind it."""

    def __init__(self, name: str, sinks: Iterable[_Sink], *, fed: bool, beats: int) -> None:
        self.name = name
        self.sinks = list(sinks)
        self.enter: list[int] | None = [] if fed else None
        self.left: list[int] = []
        self.beats = beats  # of one tensor
        self.limit = 0  # beats that an input stream has to send
        self.pace = 0  # least cycles between the starts of an input's tensors

    def advance(self) -> bool:
        """Append what is known; return whether anything was."""
        left, sinks, enter = self.left, self.sinks, self.enter
        start = i = len(left)
        end = self.limit if enter is None else len(enter)
        last = left[-1] if left else -1
        took = False
        while i < end:
            if enter is None and (many := self._many(last + 1, i)) >= _BULK:
                self.pass_on(range(last + 1, last + 1 + many))
                last, i = last + many, i + many
                continue
            offered = last + 1
            if enter is not None:
                offered = max(offered, enter[i] + FIFO_LATENCY)
            elif self.pace and i % self.beats == 0:
                offered = max(offered, i // self.beats * self.pace)
            known = True
            for sink in sinks:
                if len(sink.take) > i:
                    continue
                room = sink.room(i)
                if room is None:
                    known = False
                    continue
                sink.take.append(max(offered, room))
                took = True
            if not known:
                break
            last = sinks[0].take[i] if len(sinks) == 1 else max(sink.take[i] for sink in sinks)
            left.append(last)
            i += 1
        return took or i > start

    def _many(self, cycle: int, beat: int) -> int:
        """Return the beats of an input that go on without a pause from ``cycle`` on."""
        if self.pace and beat % self.beats == 0:
            return 0
        most = self.limit - beat
        if self.pace:
            most = min(most, self.beats - beat % self.beats)
        return min(most, self.room(cycle, most))

    def room(self, cycle: int, most: int) -> int:
        """Return the beats, up to ``most``, that every sink can take at once from ``cycle`` on."""
        for sink in self.sinks:
            if len(sink.take) != len(self.left):
                return 0
            fits = sink.fits(cycle)
            if fits is not None:
                most = min(most, fits)
        return most

    def pass_on(self, cycles: Iterable[int]) -> None:
        """Append beats that leave, and are taken by every sink, in these cycles."""
        cycles = list(cycles)
        self.left += cycles
        for sink in self.sinks:
            sink.take += cycles


class _Visit:
    """A visit with its needs in beats and its groups in runs of equal packets.

    See :class:`hwgen.plan.window.Visit`.
    """

    __slots__ = ("late", "length", "need", "release", "runs", "steps")

    def __init__(
        self, need: _Pairs, runs: _Pairs, steps: int, length: int, release: _Pairs, late: int
    ) -> None:
        self.need = need
        self.steps = steps  # of each group
        self.length = length  # from the start of a group to the next one's
        self.runs = runs  # (groups, beats of each)
        self.release = release
        self.late = late


@lru_cache(maxsize=256)
def _visits(work: Work, fold: Fold, lanes: tuple[int, ...]) -> tuple[_Visit, ...]:
    """Return the visits of a tensor for ports with these elements per beat."""
    runs: dict[tuple[int, ...], _Pairs] = {}
    held = [port.history * port.row for port in work.ports]
    result = []
    least = length_of(work, fold) if taps_of(work, fold) is None else 0
    for visit in visits(work, fold):
        if visit.beats not in runs:
            runs[visit.beats] = tuple((len(list(g)), beats) for beats, g in groupby(visit.beats))
        need = tuple((k, -((held[k] - need) // lanes[k])) for k, need in visit.need)
        length = max(visit.steps, least)
        result.append(
            _Visit(need, runs[visit.beats], visit.steps, length, visit.release, visit.late)
        )
    return tuple(result)


class _Engine:
    """An engine between its ports' window buffers and its FIFO."""

    def __init__(self, engine: Engine, task: Task, ports: list[_Sink], source: _Source) -> None:
        assert source.enter is not None
        self.name = engine.name
        self.ports = ports
        self.source = source
        self.out_depth = engine.out_depth
        self.latency = latency(task.work, engine.fold)
        self.elements = [port.fresh for port in task.work.ports]
        self.visits = _visits(task.work, engine.fold, tuple(port.lanes for port in ports))
        self.length, self.delay = self.visits[0].length, 0  # of the visit at hand
        positions = run_work(task.work, engine.fold).positions
        self.groups = positions * groups_of(task.work, engine.fold)  # of one tensor
        self.start: list[int] = []
        self._enter = source.enter
        self._tensor = self._visit = self._run = self._group = 0
        self._free = 0

    def advance(self) -> bool:
        """Start all groups whose conditions are known; return whether there was one."""
        before = len(self.start)
        while self._advance_visit():
            pass
        return len(self.start) > before

    def _advance_visit(self) -> bool:
        visit = self.visits[self._visit]
        self.length, self.delay = visit.length, visit.steps - 1 + self.latency + visit.late
        for k, need in visit.need:
            port = self.ports[k]
            index = self._tensor * (self.elements[k] // port.lanes) + need - 1
            if index >= len(port.take):
                return False
            self._free = max(self._free, port.take[index] + 1)
        while self._run < len(visit.runs):
            groups, beats = visit.runs[self._run]
            while self._group < groups:
                started = self._many(groups - self._group, beats) or self._one(beats)
                if not started:
                    return False
                self._group += started
            self._group = 0
            self._run += 1
        for k, release in visit.release:
            port = self.ports[k]
            port.freed.append(self._tensor * self.elements[k] + release)
            port.free.append(self._free - visit.length + visit.steps)
        self._run = 0
        self._visit += 1
        if self._visit == len(self.visits):
            self._visit = 0
            self._tensor += 1
        return True

    def _one(self, beats: int) -> int:
        """Start a group if the time at which it has room is known; return how many started."""
        if not beats:
            self.start.append(self._free)
            self._free += self.length
            return 1
        enter, left = self._enter, self.source.left
        credit = len(enter) + beats - self.out_depth - 1
        if credit >= 0:
            if credit >= len(left):
                self.source.advance()
                if credit >= len(left):
                    return 0
            self._free = max(self._free, left[credit] + 1)
        first = self._free + self.delay
        self.start.append(self._free)
        enter.extend(range(first, first + beats))
        self._free += self.length
        return 1

    def _many(self, groups: int, beats: int) -> int:
        """Start groups back to back if nothing holds up them or their beats; return how many."""
        if groups < _BULK or not beats:
            return 0
        source, enter, left, length = self.source, self._enter, self.source.left, self.length
        if len(left) != len(enter):
            source.advance()
            if len(left) != len(enter):
                return 0
        free, first = self._free, self._free + self.delay + 1  # the first beat leaves
        if left and left[-1] >= first:
            return 0
        many = min(groups, source.room(first, groups * beats) // beats)
        if many < _BULK:
            return 0
        # The place of the last beat of group k was that of a beat `back` groups before.
        back, offset = divmod(beats - self.out_depth - 1, beats)
        if -back * length < self.delay + offset + 2:
            return 0
        for k in range(min(many, -back)):
            credit = len(left) + (k + 1) * beats - self.out_depth - 1
            if 0 <= credit < len(left) and left[credit] >= free + k * length:
                return 0
        starts = range(free, free + many * length, length)
        self.start += starts
        if beats == 1:
            leave: Iterable[int] = range(first, first + many * length, length)
        else:
            leave = [start + self.delay + 1 + b for start in starts for b in range(beats)]
        enter += [cycle - 1 for cycle in leave]
        source.pass_on(leave)
        self._free = free + many * length
        return many


class Events:
    """The event times of a dataflow plan, as many tensors as asked for.

    Parameters
    ----------
    pace
        Least cycles between the first beats of successive tensors on every input; 0 for
        free-running streams.
    """

    def __init__(self, plan: Plan, *, pace: int = 0) -> None:
        elements = _elements(plan)
        self.sources: dict[str, _Source] = {}
        engines = {engine.name: engine for engine in plan.engines}
        held = {
            (task.engine, k): port.history * port.row
            for task in plan.tasks
            for k, port in enumerate(task.work.ports)
        }
        for name in (*plan.input_lanes, *engines):
            channels = [channel for channel in plan.channels if channel.source == name]
            beats = elements[channels[0].tensor] // channels[0].lanes
            sinks = [_Sink(item, held.get((item.sink, item.port), 0)) for item in channels]
            self.sources[name] = _Source(name, sinks, fed=name in engines, beats=beats)
            self.sources[name].pace = pace
        ends = {
            (sink.channel.sink, sink.channel.port): sink
            for source in self.sources.values()
            for sink in source.sinks
        }
        self.engines = [
            _Engine(
                engines[task.engine],
                task,
                [ends[task.engine, k] for k in range(len(task.reads))],
                self.sources[task.engine],
            )
            for task in plan.tasks
        ]
        self.tensors = 0

    def run(self, tensors: int) -> None:
        """Extend every list to ``tensors`` complete tensors.

        Raises
        ------
        DeadlockError
            If a buffer is so small that nothing can advance.
        """
        self.tensors = max(self.tensors, tensors)
        for source in self.sources.values():
            source.limit = self.tensors * source.beats
        moved = True
        while moved:
            moved = False
            for source in self.sources.values():
                moved |= source.advance()
            for engine in self.engines:
                moved |= engine.advance()
                moved |= engine.source.advance()
        stuck = [
            source.name
            for source in self.sources.values()
            if len(source.left) < self.tensors * source.beats
        ]
        if stuck:
            raise DeadlockError(f"nothing advances any more; incomplete: {', '.join(stuck)}")

    def outputs(self) -> dict[str, list[int]]:
        """Return the cycle of the last transfer of every tensor, by output."""
        return {
            sink.channel.tensor: sink.take[source.beats - 1 :: source.beats]
            for source in self.sources.values()
            for sink in source.sinks
            if sink.depth is None
        }

    def last(self) -> list[int]:
        """Return the cycle of the last transfer on any output, for every tensor."""
        return [max(cycles) for cycles in zip(*self.outputs().values(), strict=True)]

    def spans(self) -> dict[str, tuple[int, int]]:
        """Return the cycles [start, end) of the first tensor's groups, by engine."""
        return {
            engine.name: (
                engine.start[0],
                engine.start[engine.groups - 1] + engine.visits[-1].length,
            )
            for engine in self.engines
        }

    def memory(self) -> int:
        """Return how many tensors back an event can depend on another one."""
        back = 1
        for engine in self.engines:
            back = max(back, -(-engine.out_depth // engine.source.beats) + 1)
            for k, port in enumerate(engine.ports):
                back = max(back, -(-(port.depth or 0) // engine.elements[k]) + 1)
        return back

    def signature(self, tensor: int) -> int:
        """Return a hash of all event times of a tensor relative to its last output."""
        base = max(cycles[tensor] for cycles in self.outputs().values())
        rows = []
        for source in self.sources.values():
            part = slice(tensor * source.beats, (tensor + 1) * source.beats)
            rows += [sink.take[part] for sink in source.sinks]
        for engine in self.engines:
            rows.append(engine.start[tensor * engine.groups : (tensor + 1) * engine.groups])
        return hash(tuple((np.array(row, dtype=np.int64) - base).tobytes() for row in rows))


def _elements(plan: Plan) -> Mapping[str, int]:
    """Return the elements of every tensor that a task reads or writes."""
    elements: dict[str, int] = {}
    for task in plan.tasks:
        elements[task.node] = task.work.results
        for name, port in zip(task.reads, task.work.ports, strict=True):
            elements[name] = port.fresh
    return elements
