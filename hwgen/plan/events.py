"""Event times of a dataflow plan with free-running streams, by max-plus recurrences.

Every rule is a line of the timing contract in ``docs/architecture.md``.  With ``take(s, i)`` the
cycle in which sink ``s`` takes beat ``i`` of a source, ``left(i)`` the cycle in which the source
moves on, ``enter(i)`` the cycle in which an engine's beat enters its FIFO, ``g(k)`` the start of
its k-th group and ``free(r)`` the cycle from which release ``r`` is visible:

- ``offered(i) = max(enter(i) + 1, left(i-1) + 1)``; an input stream offers ``left(i-1) + 1``;
- ``take(s, i) = max(offered(i), free(r))`` with ``r`` the first release after which beat ``i``
  fits the buffer of ``s``; an output takes at once;
- ``left(i) = max(take(s, i) for s in sinks)``;
- ``g(k) = max(g(k-1) + length, take(need) + 1, left(credit) + 1)``, where ``need`` is the beat that
  completes what the position needs and ``credit`` the beat whose place in the FIFO the last beat
  of the group takes;
- ``enter = g + steps - 1 + latency + b`` for beat ``b`` of the group;
- ``free = g + steps`` of the last group before the release.

Nothing refers to a later event, so each list grows as far as the others allow; when none can grow
and the outputs are not complete, the plan deadlocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hwgen.plan.cost import length_of, steps_of
from hwgen.plan.model import Channel, Engine, Plan, Task
from hwgen.plan.timing import FIFO_LATENCY, latency
from hwgen.plan.window import visits

__all__ = ["DeadlockError", "Events"]


class DeadlockError(Exception):
    """No engine of the plan can advance: a buffer is too small."""


class _Sink:
    """A channel's end: a window buffer, or an output that is always ready."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.lanes = channel.lanes
        self.depth = channel.depth if channel.sink else None
        self.take: list[int] = []
        self.freed: list[int] = []  # elements released so far, at each release
        self.free: list[int] = []  # cycle from which the writer sees it
        self._next = 0

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

    def __init__(self, name: str, channels: Iterable[Channel], *, fed: bool, beats: int) -> None:
        self.name = name
        self.sinks = [_Sink(channel) for channel in channels]
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


@dataclass(frozen=True)
class _Visit:
    """A visit with its needs in beats: see :class:`hwgen.plan.window.Visit`."""

    need: tuple[tuple[int, int], ...]
    beats: tuple[int, ...]
    release: tuple[tuple[int, int], ...]


class _Engine:
    """An engine between its ports' window buffers and its FIFO."""

    def __init__(self, engine: Engine, task: Task, ports: list[_Sink], source: _Source) -> None:
        self.name = engine.name
        self.ports = ports
        self.source = source
        self.out_depth = engine.out_depth
        self.length = length_of(task.work, engine.fold)
        self.steps = steps_of(task.work, engine.fold)
        self.delay = self.steps - 1 + latency(engine.template, engine.fold)
        self.elements = [port.elements for port in task.work.ports]
        self.visits = [
            _Visit(
                tuple((k, -(-need // ports[k].lanes)) for k, need in visit.need),
                visit.beats,
                visit.release,
            )
            for visit in visits(task.work, engine.fold)
        ]
        self.groups = sum(len(visit.beats) for visit in self.visits)  # of one tensor
        self.start: list[int] = []
        self._tensor = self._visit = self._group = 0
        self._free = 0
        self._reserved = 0

    def advance(self) -> bool:
        """Start all groups whose conditions are known; return whether there was one."""
        before = len(self.start)
        while self._advance_visit():
            pass
        return len(self.start) > before

    def _advance_visit(self) -> bool:
        visit = self.visits[self._visit]
        ready = 0
        for k, need in visit.need:
            port = self.ports[k]
            index = self._tensor * (self.elements[k] // port.lanes) + need - 1
            if index >= len(port.take):
                return False
            ready = max(ready, port.take[index] + 1)
        enter, left, starts = self.source.enter, self.source.left, self.start
        assert enter is not None
        free, reserved = max(self._free, ready), self._reserved
        for beats in visit.beats[self._group :]:
            credit = reserved + beats - self.out_depth - 1
            if credit >= 0:
                if credit >= len(left):
                    self._free, self._reserved = free, reserved
                    return False
                free = max(free, left[credit] + 1)
            starts.append(free)
            first = free + self.delay
            if beats == 1:
                enter.append(first)
            else:
                enter.extend(range(first, first + beats))
            reserved += beats
            free += self.length
            self._group += 1
        self._free, self._reserved = free, reserved
        for k, release in visit.release:
            port = self.ports[k]
            port.freed.append(self._tensor * self.elements[k] + release)
            port.free.append(free - self.length + self.steps)
        self._group = 0
        self._visit += 1
        if self._visit == len(self.visits):
            self._visit = 0
            self._tensor += 1
        return True


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
        for name in (*plan.input_lanes, *engines):
            channels = [channel for channel in plan.channels if channel.source == name]
            beats = elements[channels[0].tensor] // channels[0].lanes
            self.sources[name] = _Source(name, channels, fed=name in engines, beats=beats)
            self.sources[name].pace = pace
        sinks = {
            (sink.channel.sink, sink.channel.port): sink
            for source in self.sources.values()
            for sink in source.sinks
        }
        self.engines = [
            _Engine(
                engines[task.engine],
                task,
                [sinks[task.engine, k] for k in range(len(task.reads))],
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
                moved |= engine.advance() | engine.source.advance()
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
            engine.name: (engine.start[0], engine.start[engine.groups - 1] + engine.length)
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
        rows: list[tuple[int, ...]] = []
        for source in self.sources.values():
            part = slice(tensor * source.beats, (tensor + 1) * source.beats)
            for events in [sink.take for sink in source.sinks]:
                rows.append(tuple([event - base for event in events[part]]))
        for engine in self.engines:
            part = slice(tensor * engine.groups, (tensor + 1) * engine.groups)
            rows.append(tuple([event - base for event in engine.start[part]]))
        return hash(tuple(rows))


def _elements(plan: Plan) -> Mapping[str, int]:
    """Return the elements of every tensor that a task reads or writes."""
    elements: dict[str, int] = {}
    for task in plan.tasks:
        elements[task.node] = task.work.results
        for name, port in zip(task.reads, task.work.ports, strict=True):
            elements[name] = port.elements
    return elements
