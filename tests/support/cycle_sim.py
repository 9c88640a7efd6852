"""A dataflow plan simulated cycle by cycle, straight from the timing contract's table.

Slow and simple on purpose: every part is a state machine with counters, and nothing is shared
with the planner's recurrences but the plan itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Any

from hwgen.ops.work import Loop
from hwgen.plan.model import Channel, Engine, Plan, Task

ROW_PERIODS = {"norm": 55, "softmax": 24, "hadamard": 1}
"""Cycles of the unit that finds a row's root, or its quotient."""


@dataclass
class Buffer:
    """A window buffer: counts of the present and all earlier tensors."""

    channel: Channel
    written: int = 0
    released: int = 0
    arriving: int = 0  # elements taken in this cycle
    releases: list[tuple[int, int]] = field(default_factory=list)  # (visible from, total)

    def ready(self) -> bool:
        return self.written - self.released + self.channel.lanes <= self.channel.depth

    def settle(self, cycle: int) -> None:
        """Become what the next cycle sees."""
        self.written += self.arriving
        self.arriving = 0
        while self.releases and self.releases[0][0] <= cycle + 1:
            self.released = self.releases.pop(0)[1]


@dataclass
class Stream:
    """A source: an input that always has a beat, or the FIFO of an engine; and its fork."""

    name: str
    sinks: list[Any]  # Buffer, or a list of cycles of an output's transfers
    queue: deque[int] | None  # cycles in which the beats entered; None for an input
    taken: list[bool] = field(default_factory=list)
    left: int = 0

    def offers(self, cycle: int) -> bool:
        return self.queue is None or bool(self.queue and self.queue[0] < cycle)

    def transfer(self, cycle: int) -> bool:
        """Offer the head to every sink that has not got it; return whether it leaves."""
        if not self.offers(cycle):
            return False
        for k, sink in enumerate(self.sinks):
            if self.taken[k]:
                continue
            if isinstance(sink, Buffer):
                if sink.ready():
                    sink.arriving += sink.channel.lanes
                    self.taken[k] = True
            else:
                sink.append(cycle)
                self.taken[k] = True
        if not all(self.taken):
            return False
        self.taken = [False] * len(self.sinks)
        self.left += 1
        if self.queue is not None:
            self.queue.popleft()
        return True


class Machine:
    """An engine: walks its loops group by group, for ever."""

    def __init__(self, engine: Engine, task: Task, buffers: list[Buffer], stream: Stream) -> None:
        self.engine = engine
        self.work = task.work
        self.fold = engine.fold
        self.buffers = buffers
        self.stream = stream
        self.credits = engine.out_depth
        self.returned = 0  # credits that become visible in the next cycle
        self.free_from = 0
        self.entering: list[int] = []
        self.starts: list[int] = []
        self.tensors = 0
        self.skips: bool | None = None  # whether steps in padding are left out
        self.groups = self._groups()
        self.plan = next(self.groups)

    def _groups(self):
        """Yield for ever (needs by port, steps, beats, length, release by port)."""
        work, fold = self.work, self.fold
        while True:
            totals = [port.rows * port.row for port in work.ports]
            base = [self.tensors * total for total in totals]
            if work.kind == "concat":
                done = [0] * len(totals)
                for _ in range(work.row.count * work.column.count):
                    for k, total in enumerate(totals):
                        chunk = total // (work.row.count * work.column.count)
                        for _ in range(chunk // fold.lanes):
                            done[k] += fold.lanes
                            reach = base[k] + done[k]
                            yield {k: reach}, 1, 1, 1, {k: reach}
            else:
                for r in range(work.row.count):
                    for c in range(work.column.count):
                        yield from self._position(r, c, totals, base)
            self.tensors += 1

    def _position(self, r: int, c: int, totals: list[int], base: list[int]):
        work, fold = self.work, self.fold
        rows, row = work.ports[0].rows, work.ports[0].row
        # Touch every element of the position, as the golden model would.
        last = 0
        top = work.origin[0] + r * work.row.dy + c * work.column.dy
        start = work.origin[1] + r * work.row.dx + c * work.column.dx
        places = [(top, start)]
        for loop in (work.channel, *work.reduce):
            places = [
                (y + i * loop.dy, x + i * loop.dx) for y, x in places for i in range(loop.count)
            ]
        for y, x in places:
            for e in range(work.elements):
                if 0 <= y < rows and 0 <= x + e < row:
                    last = max(last, y * row + x + e + 1)
        final_row = r == work.row.count - 1
        next_top = work.origin[0] + (r + 1) * work.row.dy
        release = rows * row if final_row else min(max(next_top, 0), rows) * row
        row_ends = c == work.column.count - 1
        need = max(last, release) if row_ends else last
        if work.kind == "mac":
            outer = work.reduce[0].count if work.reduce and fold.rows > 1 else 1
            steps = ceil(prod(loop.count for loop in work.reduce) / outer) * ceil(
                work.elements / fold.elements
            )
            if fold.flat:
                steps = ceil(
                    prod(loop.count for loop in work.reduce) * work.elements / fold.elements
                )
            sizes = []
            left = work.outputs
            while left:
                sizes.append(min(left, fold.outputs))
                left -= sizes[-1]
            packets = [ceil(size / fold.lanes) for size in sizes] * work.channel.count
            if fold.groups > 1:  # whole convolution groups side by side
                wide = [fold.groups] * (work.channel.count // fold.groups)
                wide += [work.channel.count % fold.groups] * (work.channel.count % fold.groups > 0)
                packets = [ceil(side * work.outputs / fold.lanes) for side in wide]
            length = max(steps, max(packets))
            if self.skips is None:
                self.skips = self._skips(max(packets))
            if self.skips:
                steps = length = self._real_steps(r, c)
        elif work.kind in ROW_PERIODS:
            steps = work.channel.count // fold.lanes
            packets = [steps]
            length = max(steps, ROW_PERIODS[work.kind])
        else:
            steps = (
                len(work.ports) if work.kind == "add" else prod(loop.count for loop in work.reduce)
            )
            packets = [1] * (work.channel.count // fold.lanes)
            length = steps
        for k, beats in enumerate(packets):
            ends = row_ends and k == len(packets) - 1
            yield (
                {port: base[port] + need for port in range(len(totals))},
                steps,
                beats,
                length,
                {port: base[port] + release for port in range(len(totals))} if ends else {},
            )

    def _skips(self, beats: int) -> bool:
        """Return whether padding adds nothing and the shortest group outlasts its beats."""
        places = [(r, c) for r in range(self.work.row.count) for c in range(self.work.column.count)]
        return self.work.pad == 0 and beats <= min(self._real_steps(*place) for place in places)

    def _flat_steps(self, r: int) -> int:
        """Count the words of a window with an element of a row inside."""
        work, size = self.work, self.fold.elements
        top = work.origin[0] + r * work.row.dy
        taken = set()
        for k in range(work.reduce[0].count):
            if 0 <= top + k * work.reduce[0].dy < work.ports[0].rows:
                taken |= {(k * work.elements + e) // size for e in range(work.elements)}
        return len(taken) or ceil(work.elements / size)

    def _real_steps(self, r: int, c: int) -> int:
        """Count kernel rows, times steps in each, with an element inside; at least one of both."""
        if self.fold.flat:
            return self._flat_steps(r)
        work, fold = self.work, self.fold
        rows, row = work.ports[0].rows, work.ports[0].row
        loops = [*work.reduce, Loop(1), Loop(1)][:2]
        top = work.origin[0] + r * work.row.dy
        left = work.origin[1] + c * work.column.dx
        # All kernel rows at once are issued wherever they lie.
        lines = [top + i * loops[0].dy for i in range(loops[0].count)]
        down = 1 if fold.rows > 1 else sum(0 <= y < rows for y in lines)
        across = 0
        for j in range(loops[1].count):
            for word in range(0, work.elements, fold.elements):
                width = min(fold.elements, work.elements - word)
                starts = [
                    left + j * loops[1].dx + word + g * work.channel.dx
                    for g in range(work.channel.count)
                ]
                across += any(start + width > 0 and start < row for start in starts)
        return max(1, down) * max(1, across)

    def latency(self) -> int:
        match self.work.kind:
            case "mac":
                return 7 + _levels(self.fold.rows * self.fold.elements)
            case "norm":
                return 67 + _levels(self.fold.lanes)
            case "softmax":
                beats = self.work.channel.count // self.fold.lanes
                return 38 + beats + 2 * _levels(self.fold.lanes)
            case "hadamard":
                return _transform_latency(self.work.channel.count, self.fold.lanes)
            case _:
                return 5

    def step(self, cycle: int) -> None:
        """Start a group if all conditions hold in this cycle."""
        if cycle < self.free_from:
            return
        needs, steps, beats, length, releases = self.plan
        if any(self.buffers[port].written < need for port, need in needs.items()):
            return
        if self.credits < beats:
            return
        self.credits -= beats
        self.starts.append(cycle)
        first = cycle + steps - 1 + self.latency()
        self.entering += range(first, first + beats)
        self.free_from = cycle + length
        for port, total in releases.items():
            self.buffers[port].releases.append((cycle + steps, total))
        self.plan = next(self.groups)


def _transform_latency(features: int, lanes: int) -> int:
    """Count the stages of a transform: a cycle inside of a beat, else two."""
    cycles, distance = 5, 1
    while features % 2 == 0 and features not in (12, 20):
        cycles += 1 if distance < lanes else 2
        features, distance = features // 2, distance * 2
    return cycles + (2 if features > 1 else 0)


def _levels(terms: int) -> int:
    """Return the registers of a tree that adds four terms at a time."""
    levels = 0
    while terms > 1:
        terms = ceil(terms / 4)
        levels += 1
    return levels


@dataclass
class Result:
    """Cycles of every transfer on each output, and of every group start of each engine."""

    transfers: dict[str, list[int]]
    starts: dict[str, list[int]]


def simulate(plan: Plan, beats: dict[str, int], limit: int = 200_000) -> Result | None:
    """Run until every output had ``beats`` transfers; None if nothing moves any more.

    Inputs are valid and outputs ready in every cycle.
    """
    transfers: dict[str, list[int]] = {name: [] for name in beats}
    streams: dict[str, Stream] = {}
    buffers: dict[tuple[str, int], Buffer] = {}
    for channel in plan.channels:
        if channel.source not in streams:
            fed = channel.source not in plan.input_lanes
            streams[channel.source] = Stream(channel.source, [], deque() if fed else None)
        if channel.sink:
            buffers[channel.sink, channel.port] = Buffer(channel)
            streams[channel.source].sinks.append(buffers[channel.sink, channel.port])
        else:
            streams[channel.source].sinks.append(transfers[channel.tensor])
        streams[channel.source].taken.append(False)
    machines = [
        Machine(
            plan.engine(task.engine),
            task,
            [buffers[task.engine, port] for port in range(len(task.reads))],
            streams[task.engine],
        )
        for task in plan.tasks
    ]
    quiet = 0
    for cycle in range(limit):
        if all(len(transfers[name]) >= count for name, count in beats.items()):
            return Result(transfers, {m.engine.name: m.starts for m in machines})
        before = [m.plan for m in machines]
        for machine in machines:
            machine.step(cycle)
        moved = False
        for stream in streams.values():
            leaves = stream.transfer(cycle)
            moved |= leaves or any(
                buffer.arriving for buffer in stream.sinks if isinstance(buffer, Buffer)
            )
            for machine in machines:
                if machine.stream is stream and leaves:
                    machine.returned += 1
        for machine in machines:
            machine.credits += machine.returned
            machine.returned = 0
            if cycle in machine.entering:
                machine.entering.remove(cycle)
                machine.stream.queue.append(cycle)  # offered from the next cycle on
        for buffer in buffers.values():
            buffer.settle(cycle)
        moved |= any(a is not m.plan for a, m in zip(before, machines, strict=True))
        busy = any(cycle < m.free_from or m.entering for m in machines)
        quiet = 0 if moved or busy else quiet + 1
        if quiet > 4:  # longer than any register delays anything
            return None
    raise AssertionError(f"{plan.name} is still running after {limit} cycles")
