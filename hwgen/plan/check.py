"""The plan's verifier: what both backends rely on, checked after planning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hwgen.errors import HwgenError
from hwgen.ops.work import Work
from hwgen.plan.caches import caches_of, sizes_of, staged_of, stored
from hwgen.plan.cost import (
    group_beats,
    length_of,
    power_of_two_at_least,
    reads_of,
    task_cycles,
    template_of,
)
from hwgen.plan.external import EXTERNAL
from hwgen.plan.folding import (
    can_be_flat,
    least_lanes,
    legal_rows,
    most_groups,
    vector_lanes,
    widest_beat,
)
from hwgen.plan.model import Channel, Engine, Fold, Plan, Task
from hwgen.plan.placement import lifetimes
from hwgen.plan.runs import line_of
from hwgen.plan.window import minimum_depth
from hwgen.quant.model import QGraph

__all__ = ["check_plan", "problems"]


def check_plan(plan: Plan, qgraph: QGraph, budget: int | None = None) -> None:
    """Refuse a plan that the hardware could not carry out.

    Parameters
    ----------
    budget
        Most multipliers, if there is a limit.

    Raises
    ------
    HwgenError
        HG410, with every problem.  A plan of :func:`hwgen.plan.make_plan` never has one.
    """
    found = list(problems(plan, qgraph))
    if budget is not None and plan.multipliers > budget:
        found.append(f"{plan.multipliers} multipliers, but the budget is {budget}")
    if found:
        raise HwgenError(
            "HG410",
            f"the plan of {plan.name} is not sound: {'; '.join(found)}",
            hint="report it with the spec: this is a mistake in the planner",
        )


def problems(plan: Plan, qgraph: QGraph) -> Iterator[str]:
    """Yield what is wrong with a plan, one sentence each."""
    structure = list(_tasks(plan, qgraph))
    yield from structure
    if structure:
        return  # the rest relies on it
    for task in plan.tasks:
        yield from _fold(plan.engine(task.engine), task)
    yield from _streams(plan, qgraph)
    if plan.schedule == "sequential":
        yield from _buffers(plan, qgraph)
    else:
        yield from _channels(plan, qgraph)


def _power(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def _tasks(plan: Plan, qgraph: QGraph) -> Iterator[str]:
    for node in qgraph.nodes:
        mine = [task for task in plan.tasks if task.node == node.name]
        if not mine:
            yield f"node {node.name} has no task"
        if sum(task.work.results for task in mine if not task.moves) != node.out.elements:
            yield f"the tasks of {node.name} do not yield its {node.out.elements} elements"
        caches = [cache.name for cache in caches_of(qgraph, node)]
        staged = [tensor.name for tensor in staged_of(qgraph, node)]
        sizes = [cache.name for cache in sizes_of(qgraph, node)]
        appended = [task.appends for task in mine if task.appends]
        if [name for name in appended if name not in staged] != caches:
            yield f"the tasks of {node.name} do not append to {', '.join(caches) or 'nothing'}"
        beside = [task.sizes for task in mine if task.sizes]
        if [name for name in beside if name not in staged] != sizes:
            yield f"the tasks of {node.name} do not write {', '.join(sizes) or 'no sizes'}"
        if [name for name in (*appended, *beside) if name in staged] != staged:
            yield f"the tasks of {node.name} do not write {', '.join(staged)}"
        caches += sizes + staged
        reads = [
            name for task in mine if not task.keeps for name in task.reads if name not in caches
        ]
        if sorted(reads) != sorted(node.inputs):
            yield f"the tasks of {node.name} do not read {', '.join(node.inputs)}"
    listed = [name for phase in plan.phases for name in phase.tasks]
    if sorted(listed) != sorted(task.name for task in plan.tasks):
        yield "the phases do not hold every task once"
        return
    missing = {task.engine for task in plan.tasks} - {engine.name for engine in plan.engines}
    if missing:
        yield f"there is no engine {', '.join(sorted(missing))}"
    made = {tensor.name for tensor in qgraph.inputs}
    for phase in plan.phases:
        for task in map(plan.task, phase.tasks):
            if len(plan.phases) > 1 and not made.issuperset(task.reads):
                yield f"task {task.name} runs before its input is there"
        for task in map(plan.task, phase.tasks):
            made.update({task.appends or task.keeps or task.node, task.sizes})


def _fold(engine: Engine, task: Task) -> Iterator[str]:
    work, fold, name = task.work, engine.fold, task.name
    legal = {template_of(work), template_of(work, array=True)}
    if task.appends:
        legal.add(EXTERNAL)
    if engine.template not in legal:
        needed = " or ".join(sorted(legal))
        yield f"{name} needs {needed}, {engine.name} is {engine.template}"
        return
    if not _power(fold.lanes):
        yield f"{engine.name} has {fold.lanes} lanes, not a power of two"
        return
    if engine.template == "array":
        yield from _array(engine, task)
    elif engine.template == "mac_array":
        yield from _block_array(engine, task)
    elif (
        min(fold.rows, fold.elements, fold.outputs, fold.groups) < 1
        or fold.rows not in legal_rows(work)
        or not _whole_groups(work, fold)
    ):
        yield f"{name} cannot be folded {fold.rows} x {fold.elements} x {fold.outputs}"
    elif engine.template in ("row", "vector", "pack", EXTERNAL):
        if vector_lanes(work) % fold.lanes or fold.lanes < least_lanes(work):
            yield f"{name} cannot use {fold.lanes} lanes"
            return
    else:
        if widest_beat(work, fold) % fold.lanes:
            yield f"beats of {fold.lanes} do not divide the groups of {name}"
        if group_beats(work, fold)[0] > length_of(work, fold):
            yield f"groups of {name} are shorter than their beats"
    if task.stays and (engine.template, work.kind) != ("array", "mac"):
        yield f"{name} is no linear layer on an array, and its operands stay"
    cycles = task_cycles(engine.template, work, replace(fold, stays=task.stays))
    if task.cycles != cycles:
        yield f"{name} takes {cycles} cycles, not {task.cycles}"


def _whole_groups(work: Work, fold: Fold) -> bool:
    """Return whether groups at once are whole ones side by side, and words may run on."""
    if fold.flat:
        legal = fold.rows == fold.groups == 1 and fold.elements <= work.elements
        return work.kind == "mac" and legal and can_be_flat(work)
    if fold.samples > 1:
        line = line_of(work)
        return line is not None and work.outputs % fold.outputs == 0
    if fold.groups == 1:
        return True
    whole = fold.elements == work.elements and fold.outputs == work.outputs
    return work.kind == "mac" and whole and fold.groups <= most_groups(work)


def _array(engine: Engine, task: Task) -> Iterator[str]:
    work, fold, name = task.work, engine.fold, task.name
    reads = reads_of(engine.template, fold)
    if not _power(reads) or reads < fold.rows:
        yield f"{engine.name} reads {reads} elements at once for {fold.rows} rows"
    if fold.outputs % fold.scores:
        yield f"{engine.name} has {fold.scores} scores per cycle for {fold.outputs} columns"
    if fold.outputs % fold.normalisers or fold.normalisers > fold.lanes:
        yield f"{engine.name} has {fold.normalisers} normalisers for {fold.outputs} columns"
    if not _power(fold.rows) or fold.elements != 1 or fold.outputs < 1:
        yield f"{engine.name} has no array of {fold.rows} x {fold.outputs}, {fold.elements} deep"
    if work.outputs % fold.lanes:
        yield f"beats of {fold.lanes} do not divide the rows of {name}"
    if work.kind == "attention" and work.attend and work.attend.tile != fold.rows:
        yield f"{name} has tiles of {work.attend.tile} keys, {engine.name} {fold.rows} rows"


def _block_array(engine: Engine, task: Task) -> Iterator[str]:
    work, fold, name = task.work, engine.fold, task.name
    if min(fold.rows, fold.outputs) < 1 or fold.elements != 2 or fold.outputs % 2:
        yield f"{engine.name} has no tiles of {fold.rows} x {fold.outputs}, {fold.elements} tokens"
    if not _power(fold.reads) or fold.reads > fold.rows:
        yield f"{engine.name} reads {fold.reads} elements at once for {fold.rows} rows"
    if work.outputs % fold.lanes or fold.outputs // work.digits % fold.lanes:
        yield f"beats of {fold.lanes} do not divide the rows of {name}"
    elements = sorted(element for block in work.blocks for element in block.elements)
    if elements != list(range(work.elements)):
        yield f"the blocks of {name} do not hold every element once"


def _streams(plan: Plan, qgraph: QGraph) -> Iterator[str]:
    if tuple(plan.input_lanes) != tuple(tensor.name for tensor in qgraph.inputs):
        yield "the input streams are not the graph's inputs"
    if tuple(plan.output_lanes) != qgraph.outputs:
        yield "the output streams are not the graph's outputs"
    for name, lanes in (*plan.input_lanes.items(), *plan.output_lanes.items()):
        if not _power(lanes) or qgraph.tensor(name).elements % lanes:
            yield f"beats of {lanes} do not divide {name}"


def _buffers(plan: Plan, qgraph: QGraph) -> Iterator[str]:
    if plan.channels:
        yield "a sequential plan has no channels"
    if len(plan.buffers) != 1:
        yield f"{len(plan.buffers)} buffers instead of one"
        return
    buffer = plan.buffers[0]
    widest = [*plan.input_lanes.values(), *plan.output_lanes.values()]
    for task in plan.tasks:
        fold = plan.engine(task.engine).fold
        widest += [reads_of(plan.engine(task.engine).template, fold), fold.lanes]
        row = task.work.results // task.work.row.count
        if task.write_offset % fold.lanes or (
            task.write_stride and (task.write_stride % fold.lanes or row > task.write_stride)
        ):
            yield f"{task.name} writes beats that are not aligned"
    if not _power(buffer.banks) or buffer.banks < max(widest):
        yield f"{buffer.banks} banks for accesses of {max(widest)} elements"
    if buffer.elements % buffer.banks:
        yield f"{buffer.elements} elements do not fill {buffer.banks} banks"
    lives = lifetimes(qgraph, plan.tasks)
    for live in lives:
        place, tensor = plan.placement(live.tensor), stored(qgraph, live.tensor)
        if place.elements != tensor.elements or tensor.type.bits > buffer.bits:
            yield f"{live.tensor} is not stored whole"
        if place.front != live.front or place.front > place.address:
            yield f"{live.tensor} has no place for its {live.front} elements in front"
        if place.address % buffer.banks or place.address + place.elements > buffer.elements:
            yield f"{live.tensor} lies at {place.address}, unaligned or outside the buffer"
    for k, one in enumerate(lives):
        for other in lives[:k]:
            a, b = plan.placement(one.tensor), plan.placement(other.tensor)
            apart = (
                a.address + a.elements <= b.address - b.front
                or b.address + b.elements <= a.address - a.front
            )
            if one.meets(other) and not apart:
                yield f"{one.tensor} and {other.tensor} live together and overlap"


def _channels(plan: Plan, qgraph: QGraph) -> Iterator[str]:
    if plan.buffers or plan.placements:
        yield "a dataflow plan has no shared buffers"
    lanes = {engine.name: engine.fold.lanes for engine in plan.engines} | plan.input_lanes
    ends = {(channel.sink, channel.port): channel for channel in plan.channels if channel.sink}
    outputs = {channel.tensor: channel for channel in plan.channels if not channel.sink}
    if set(outputs) != set(qgraph.outputs):
        yield "the channels to the outside are not the graph's outputs"
    if len(ends) + len(outputs) != len(plan.channels):
        yield "two channels end at one port"
    if set(lanes) != {channel.source for channel in plan.channels}:
        yield "an engine or an input has no sink"
    for channel in plan.channels:
        kind = qgraph.tensor(channel.tensor).type
        if (channel.bits, channel.signed) != (kind.bits, kind.signed):
            yield f"the channel of {channel.tensor} does not have its type"
        if channel.source != channel.tensor or channel.lanes != lanes[channel.source]:
            yield f"the channel of {channel.tensor} does not fit its source"
    for name, width in plan.output_lanes.items():
        if width != lanes[name]:
            yield f"output {name} has {width} lanes, its engine {lanes[name]}"
    for task in plan.tasks:
        engine = plan.engine(task.engine)
        if engine.out_depth < max(group_beats(task.work, engine.fold)):
            yield f"the FIFO of {engine.name} does not hold a group"
        for port, name in enumerate(task.reads):
            end = ends.get((task.engine, port))
            if end is None or end.tensor != name:
                yield f"port {port} of {task.engine} does not get {name}"
            else:
                yield from _depth(engine, task, end)


def _depth(engine: Engine, task: Task, channel: Channel) -> Iterator[str]:
    banks = power_of_two_at_least(max(channel.lanes, reads_of(engine.template, engine.fold)))
    if not _power(channel.banks) or channel.banks < banks:
        yield f"port {channel.port} of {engine.name} has {channel.banks} banks instead of {banks}"
    elif channel.depth % channel.banks:
        yield f"port {channel.port} of {engine.name}: {channel.depth} elements do not fill banks"
    least = minimum_depth(task.work, engine.fold, channel.port, channel.lanes)
    if channel.depth < least:
        yield (
            f"port {channel.port} of {engine.name} holds {channel.depth} elements, it needs {least}"
        )
