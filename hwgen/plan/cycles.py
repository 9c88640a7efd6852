"""Predicted cycles of a plan: latency, interval, and the last transfer of every tensor.

Exact for free-running streams: every input is valid from cycle 0 on, every output always ready.
Attention takes longer the fuller its cache is, and the more keys count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwgen.plan.array_cycles import Fetch
from hwgen.plan.caches import ring_of
from hwgen.plan.cost import array_cycles, group_beats, length_of, steps_of
from hwgen.plan.events import DeadlockError, Events
from hwgen.plan.external import (
    EXTERNAL,
    append_cycles,
    fetch_of,
    is_external,
)
from hwgen.plan.model import Engine, Plan, Prediction, Span, Task
from hwgen.plan.packed import PACKED_BITS
from hwgen.plan.timing import CHOICE, PHASE_OVERHEAD, STORE_LATENCY, latency

__all__ = [
    "Counts",
    "DeadlockError",
    "drain_cycles",
    "predict",
    "predict_outputs",
    "prediction",
    "with_prediction",
]

Counts = Mapping[str, Sequence[int]]
"""Codes by input and tensor."""

_PATIENCE = 24  # tensors after which the steady state is sought in another way
_LIMIT = 200  # tensors after which the last interval counts as the steady one
_LONGEST_PERIOD = 4  # tensors; joins can make intervals alternate


def prediction(plan: Plan) -> Prediction:
    """Return latency, interval and the first tensor's timeline.

    If intervals alternate for ever, ``interval`` is the mean of a period, rounded up.

    Raises
    ------
    DeadlockError
        If the plan's buffers are so small that it stops.
    """
    if plan.schedule == "sequential":
        return _sequential(plan)
    events = Events(plan)
    events.run(1)
    latency_ = events.last()[0] + 1
    spans = events.spans()
    return Prediction(
        latency_,
        _interval(plan, events),
        tuple(Span(task.name, *spans[task.engine]) for task in plan.tasks),
    )


def predict_outputs(
    plan: Plan, tensors: int, counts: Counts | None = None, lengths: Sequence[int] = ()
) -> dict[str, list[int]]:
    """Return the cycle of the last transfer of each of ``tensors`` tensors, by output.

    Cycle 0 is the first transfer on an input.

    Parameters
    ----------
    counts
        Codes of the inputs that say how many keys count in padded attention, by name and
        tensor; all keys by default.
    lengths
        Tokens of each tensor, if they have several lengths; the longest by default.
    """
    if plan.schedule == "sequential":
        return _sequential_outputs(plan, tensors, counts or {}, lengths or [plan.tokens] * tensors)
    events = Events(plan)
    period = _settle(events, min(tensors, _LIMIT))
    if period is None:
        events.run(tensors)
        return {name: cycles[:tensors] for name, cycles in events.outputs().items()}
    outputs = events.outputs()
    for cycles in outputs.values():
        shift = cycles[-1] - cycles[-1 - period]
        while len(cycles) < tensors:
            cycles.append(cycles[-period] + shift)
    return {name: cycles[:tensors] for name, cycles in outputs.items()}


def predict(
    plan: Plan, tensors: int, counts: Counts | None = None, lengths: Sequence[int] = ()
) -> list[int]:
    """Return the cycle of the last transfer on any output, for each of ``tensors`` tensors.

    Parameters
    ----------
    counts, lengths
        See :func:`predict_outputs`.
    """
    outputs = predict_outputs(plan, tensors, counts, lengths)
    return [max(cycles) for cycles in zip(*outputs.values(), strict=True)]


def _settle(events: Events, limit: int) -> int | None:
    """Run until all events repeat, at most ``limit`` tensors; return the period in tensors.

    The recurrences look back over ``memory`` tensors at most; when as many successive tensors
    are copies of those one period before, shifted in time alike, all later ones are.
    """
    back = events.memory()
    signatures: list[int] = []
    last: list[int] = []
    equal = [0] * (_LONGEST_PERIOD + 1)
    for tensor in range(limit):
        events.run(tensor + 1)
        signatures.append(events.signature(tensor))
        last.append(max(cycles[tensor] for cycles in events.outputs().values()))
        for period in range(1, min(tensor, _LONGEST_PERIOD) + 1):
            before = tensor - period
            same = signatures[tensor] == signatures[before] and (
                equal[period] == 0
                or last[tensor] - last[before] == last[tensor - 1] - last[before - 1]
            )
            equal[period] = equal[period] + 1 if same else 0
            if equal[period] >= back:
                return period
    return None


def _interval(plan: Plan, events: Events) -> int:
    """Return the steady interval; the events may have run before."""
    # A marked graph has one steady interval, however it starts: if inputs at the pace of the
    # slowest part are served, that pace is the interval.  So there is no need to wait until the
    # buffers before that part are full, which takes the more tensors the more layers there are.
    pace = max(
        *(task.cycles for task in plan.tasks), *(source.beats for source in events.sources.values())
    )
    paced = Events(plan, pace=pace)
    period = _settle(paced, _PATIENCE + 2 * paced.memory())
    if period is not None and _mean(paced.last(), period) == pace:
        return pace
    period = _settle(events, _LIMIT)
    return _mean(events.last(), period or 1)


def _mean(last: list[int], period: int) -> int:
    return -(-(last[-1] - last[-1 - period]) // period)


# -- sequential -----------------------------------------------------------------------------------


def drain_cycles(engine: Engine, task: Task) -> int:
    """Return the cycles from the end of a task's cycles to its last beat being written.

    0 for an array, whose cycles count to the last beat.
    The last group starts ``length`` cycles before the end of the issue cycles; negative if the
    pauses of a long packet outlast the pipeline.
    """
    if engine.placed:
        return 0
    beats = group_beats(task.work, engine.fold)[-1]
    steps, length = steps_of(task.work, engine.fold), length_of(task.work, engine.fold)
    return steps - length + latency(task.work, engine.fold) + beats - 1


def _phase(
    plan: Plan,
    task: Task,
    seen: int | None,
    length: int | None,
    fetch: Fetch | None = None,
) -> int:
    """Return the cycles of a task's phase.

    Parameters
    ----------
    seen
        Tokens in its cache before the tensor; a full one by default.
    length
        Keys that count in padded attention; all by default.
    fetch
        How keys and values come from external memory.
    """
    engine = plan.engine(task.engine)
    if engine.template == EXTERNAL:
        return PHASE_OVERHEAD + append_cycles(plan, task)
    cycles = task.cycles
    if fetch is not None or seen is not None or length is not None:
        cycles = array_cycles(task.work, plan.fold(task), seen, length, fetch)
    return PHASE_OVERHEAD + cycles + drain_cycles(engine, task)


class _Reader:
    """When the caches of a tensor can be read: the one reader serves them one after the other."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._free = 0  # cycles since no cache is being read

    def fetch(self, task: Task, came: int | None) -> Fetch | None:
        """Return how a task's keys and values come from external memory, if they lie there.

        Parameters
        ----------
        came
            Tokens before the tensor; by default the least of a full cache is unchanged.
        """
        plan, attend = self._plan, task.work.attend
        if attend is None or not attend.external:
            return None
        assert plan.memory is not None
        bits = PACKED_BITS if attend.kv4 else plan.engine(EXTERNAL).in_bits
        ring = ring_of(attend)
        early = ring.start
        if came is not None or ring.restarts:
            came = ring.fullest(attend.queries) if came is None else came
            early = ring.unchanged(came, attend.queries)
        fold = plan.engine(task.engine).fold
        return fetch_of(attend, bits, fold, plan.memory, early=early, lead=self._free)

    def passes(self, task: Task, cycles: int) -> None:
        """Move on by a phase."""
        self._free = 0 if is_external(task.work.attend) else self._free + cycles


class _History:
    """The phases of tensors that come one after the other: caches fill up."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._held: dict[str, int] = {}  # tokens in the cache of each node
        self._came: dict[str, int] = {}  # all tokens that came
        self._tensor = 0

    def phases(self, plan: Plan) -> list[int]:
        """Return the cycles of each task for the next tensor, of the length that a plan is for."""
        found, reader = [], _Reader(plan)
        for task in plan.tasks:
            attend, seen, length, came = task.work.attend, None, None, 0
            if attend is not None and attend.cached:
                ring = ring_of(attend)
                seen = ring.seen(self._held.get(task.node, 0), attend.queries)
                self._held[task.node] = ring.after(seen, attend.queries)
                came = seen if ring.restarts else self._came.get(task.node, 0)
                self._came[task.node] = came + attend.queries
            if attend is not None and attend.padded and task.reads[-1] in self._counts:
                length = int(self._counts[task.reads[-1]][self._tensor])
            found.append(_phase(plan, task, seen, length, reader.fetch(task, came)))
            reader.passes(task, found[-1])
        self._tensor += 1
        return found


def _streams(plan: Plan) -> tuple[list[int], list[int]]:
    """Return the cycles of each LOAD and of each STORE."""
    sizes = {place.tensor: place.elements for place in plan.placements}
    loads = [PHASE_OVERHEAD + sizes[name] // lanes for name, lanes in plan.input_lanes.items()]
    stores = [PHASE_OVERHEAD + sizes[name] // lanes for name, lanes in plan.output_lanes.items()]
    return loads, stores


def _sequential_outputs(
    plan: Plan, tensors: int, counts: Counts, lengths: Sequence[int]
) -> dict[str, list[int]]:
    # Cycle 0, the first transfer, is the first cycle after the overhead of the first LOAD.
    now = -PHASE_OVERHEAD
    ends: dict[str, list[int]] = {name: [] for name in plan.output_lanes}
    history = _History(counts)
    for tensor in range(tensors):
        one = plan.at(lengths[tensor])
        loads, stores = _streams(one)
        now += _choice(plan) * (tensor > 0) + sum(loads) + sum(history.phases(one))
        for name, cycles in zip(plan.output_lanes, stores, strict=True):
            now += cycles
            ends[name].append(now - 1 + STORE_LATENCY)
    return ends


def _choice(plan: Plan) -> int:
    """Return the cycles between two tensors in which the length of the next one is looked at."""
    return CHOICE if plan.tokens else 0


def _sequential(plan: Plan) -> Prediction:
    (last,) = predict(plan, 1, lengths=[plan.tokens])
    loads, stores = _streams(plan)
    now = sum(loads) - PHASE_OVERHEAD
    spans = []
    for task, cycles in zip(plan.tasks, _History({}).phases(plan), strict=True):
        spans.append(Span(task.name, now, now + cycles))
        now += cycles
    reader, steady = _Reader(plan), 0
    for task in plan.tasks:
        cycles = _phase(plan, task, None, None, reader.fetch(task, None))
        reader.passes(task, cycles)
        steady += cycles
    interval = sum(loads) + sum(stores) + steady + _choice(plan)
    return Prediction(last + 1, interval, tuple(spans))


def with_prediction(plan: Plan) -> Plan:
    """Return the plan, and that of each shorter length, with the prediction filled in."""
    shorter = tuple(with_prediction(one) for one in plan.shorter)
    return replace(plan, prediction=prediction(plan), shorter=shorter)
