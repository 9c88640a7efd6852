"""The sequential plan: one time-shared engine per template, one shared buffer, a task a phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwgen.errors import Diagnostic, SpecError
from hwgen.ops.types import QType
from hwgen.ops.work import Loop, Port, Work
from hwgen.plan.caches import CACHED, caches_of, sizes_of, staged_of, stored
from hwgen.plan.cost import power_of_two_at_least, reads_of, task_cycles, useful_of
from hwgen.plan.cycles import with_prediction
from hwgen.plan.external import (
    EXTERNAL,
    check_columns,
    is_external,
    memory_engine,
    memory_fold,
    memory_port,
)
from hwgen.plan.folding import mac_options
from hwgen.plan.histories import histories
from hwgen.plan.items import Item, engine_for, items_of, shared_weights
from hwgen.plan.memory import fits_onchip, onchip_bits
from hwgen.plan.model import Buffer, Engine, Fold, Phase, Placement, Plan, Prediction, Task
from hwgen.plan.multipliers import share_of
from hwgen.plan.placement import aligned, lifetimes, peak, place
from hwgen.plan.reasons import bound_of, count, explain
from hwgen.plan.shared_folds import shared_folds
from hwgen.plan.stationary import WORTH, staying
from hwgen.quant.lengths import at_length, lengths_of
from hwgen.quant.model import QGraph, QTensor
from hwgen.spec.model import Accelerator

__all__ = ["ACTIVATIONS", "plan_sequential"]

ACTIVATIONS = "activations"
"""Name of the shared buffer."""

_STREAM_BITS = 64
"""Most bits of a beat on an input or output stream."""


@dataclass(frozen=True, eq=False)
class _Job:
    """A task before its engine has a size."""

    name: str
    item: Item
    template: str
    work: Work
    reads: tuple[str, ...]
    write_offset: int = 0
    write_stride: int = 0
    appends: str = ""
    sizes: str = ""
    keeps: str = ""


def plan_sequential(qgraph: QGraph, items: Sequence[Item], accelerator: Accelerator) -> Plan:
    """Return the sequential plan with the fewest issue cycles under the budget.

    Where tensors have several lengths, a tensor of each counts.  Linear layers on an array are
    operand stationary where that is faster, unless only a plan without them keeps within
    ``onchip_kib``.

    Raises
    ------
    SpecError
        HG407, if the spec folds single layers: they share one engine here; HG416, HG418 for
        external memory.
    LimitError
        HG417, if it is too small.
    """
    if accelerator.folding:
        raise SpecError.of(
            [
                Diagnostic(
                    "HG407",
                    f"folding of {layer}: with schedule sequential all layers share one engine",
                    spec.mark,
                    "schedule: dataflow, or remove it: the planner folds the shared engine",
                )
                for layer, spec in accelerator.folding.items()
            ]
        )
    made = _plan(qgraph, items, accelerator)
    fits = fits_onchip(made, accelerator.budget.onchip_kib)
    if fits or not any(task.stays for task in made.tasks):
        return made
    other = _plan(qgraph, items, accelerator, stationary=False)
    return min(made, other, key=lambda one: sum(onchip_bits(one).values()))


def _plan(
    qgraph: QGraph, items: Sequence[Item], accelerator: Accelerator, *, stationary: bool = True
) -> Plan:
    """Return the plan, with layers that are operand stationary or without any."""
    graphs = [at_length(qgraph, tokens) for tokens in lengths_of(qgraph)]
    every = [
        _with_histories([job for item in items_of(graph) for job in _jobs(graph, item)])
        for graph in graphs
    ]
    jobs = every[0]
    budget = accelerator.budget.multipliers
    memory = memory_port(items, accelerator)
    inside = [job for job in jobs if job.template != EXTERNAL]
    works = [(job.template, job.work) for some in every for job in some]
    share = share_of([item for item in items if item.template == "mac"], qgraph, accelerator)
    folds = shared_folds(
        [pair for pair in works if pair[0] != EXTERNAL], accelerator, stationary, share
    )
    copied: dict[str, list[QType]] = {}
    for job in inside:
        if job.appends or job.keeps:
            kinds = [qgraph.tensor(name).type for name in job.reads]
            copied.setdefault(job.template, []).extend(kinds)
    engines = tuple(
        engine_for(
            name,
            name,
            [item for item in items if item.template == name],
            fold,
            0,
            copied.get(name, ()),
        )
        for name, fold in folds.items()
    )
    if memory is not None:
        folds[EXTERNAL] = memory_fold(items, memory)
        engines += (memory_engine(items, folds[EXTERNAL]),)
        check_columns(items, folds["array"], accelerator)
    works = [(job.name, job.work) for some in every for job in some if job.template == "array"]
    stays = staying(works, folds["array"]) if stationary and works else frozenset()
    banks = power_of_two_at_least(
        max(max(reads_of(template, fold), fold.lanes) for template, fold in folds.items())
    )
    shares = shared_weights(items)
    all_tasks = [
        tuple(
            _task(
                job,
                replace(folds[job.template], stays=job.name in stays),
                shares.get(job.name, ""),
            )
            for job in some
        )
        for some in every
    ]
    placements, elements = _placements(qgraph, all_tasks[0], banks)
    widest = max(
        stored(qgraph, item.tensor).type.bits for item in placements if item.buffer == ACTIVATIONS
    )
    busy = sum(task.cycles for tasks in all_tasks for task in tasks)

    def lanes(name: str) -> int:
        return _stream_lanes([graph.tensor(name) for graph in graphs], banks, busy)

    plans = [
        Plan(
            name=qgraph.name,
            schedule="sequential",
            engines=engines,
            buffers=(Buffer(ACTIVATIONS, elements, widest, banks),),
            placements=placements if graph is qgraph else _cut(placements, graph),
            channels=(),
            tasks=tasks,
            phases=tuple(Phase((task.name,), _why(task, engines, budget)) for task in tasks),
            input_lanes={tensor.name: lanes(tensor.name) for tensor in qgraph.inputs},
            output_lanes={name: lanes(name) for name in qgraph.outputs},
            prediction=Prediction(0, 0, ()),
            memory=memory,
            tokens=tokens,
        )
        for graph, tasks, tokens in zip(graphs, all_tasks, lengths_of(qgraph), strict=True)
    ]
    return with_prediction(replace(plans[0], shorter=tuple(plans[1:])))


def _jobs(qgraph: QGraph, item: Item) -> list[_Job]:
    """Return the tasks of a node: itself, and one copy per input of a concat or of a cache."""
    work = item.work
    if work.kind == "concat":
        return _concat_jobs(item)
    caches, sizes = caches_of(qgraph, item.node), sizes_of(qgraph, item.node)
    staged = staged_of(qgraph, item.node)
    packs, appends, reads = [], [], list(item.node.inputs)
    for k, (cache, (suffix, port)) in enumerate(zip(caches, CACHED.items(), strict=False)):
        rows, row = work.ports[port].rows, work.ports[port].row
        name, source = f"{item.name}_{suffix.upper()}", item.node.inputs[port]  # no layer's name
        if sizes:
            assert work.attend is not None
            pack = _Job(name, item, "pack", _pack(rows, row, work.attend.kv_heads), (source,))
            target, beside = (staged[k], staged[k + 2]) if staged else (cache, sizes[k])
            pack = replace(pack, appends=target.name, sizes=beside.name)
            packs.append(replace(pack, name=f"{name}P") if staged else pack)
            row //= 2
        if staged or not sizes:
            template = EXTERNAL if is_external(work.attend) else "vector"
            job = _Job(name, item, template, _copy(rows, row), (source,), appends=cache.name)
            if staged:
                sources = (staged[k].name, staged[k + 2].name)
                job = replace(job, reads=sources, sizes=sizes[k].name)
            appends.append(job)
        reads[port] = cache.name
    reads += [cache.name for cache in sizes]
    # What goes out goes out at once, so that answers to the keys come while values are written.
    return [*packs, *appends, _Job(item.name, item, item.template, work, tuple(reads))]


def _with_histories(jobs: Sequence[_Job]) -> list[_Job]:
    """Return the jobs with those that keep the ends of tensors, each after the last reader."""
    kept = histories([(job.work, job.reads) for job in jobs])
    last = {name: job for job in jobs for name in job.reads}
    result = []
    for job in jobs:
        result.append(job)
        for name in dict.fromkeys(job.reads):
            if name in kept and last[name] is job:
                copy = _copy(*kept[name])
                keep = _Job(f"{name}_H", job.item, "vector", copy, (name,), keeps=name)
                result.append(keep)
    return result


def _concat_jobs(item: Item) -> list[_Job]:
    work = item.work
    jobs = []
    offset = 0
    for k, (tensor, port) in enumerate(zip(item.node.inputs, work.ports, strict=True)):
        chunk = port.elements // work.positions
        copy = _copy(work.positions, chunk)
        name = f"{item.name}_P{k}"
        jobs.append(_Job(name, item, "vector", copy, (tensor,), offset, work.channel.count))
        offset += chunk
    return jobs


def _copy(rows: int, row: int) -> Work:
    return Work(
        kind="copy",
        ports=(Port(rows, row),),
        row=Loop(rows, dy=1),
        column=Loop(1),
        channel=Loop(row, dx=1),
    )


def _pack(rows: int, row: int, heads: int) -> Work:
    """Return the work of rounding the heads of rows to 4 bits, one after the other."""
    return Work(
        kind="pack",
        ports=(Port(rows, row),),
        row=Loop(rows * heads),
        column=Loop(1),
        channel=Loop(row // heads, dx=1),
    )


def _task(job: _Job, fold: Fold, shares: str) -> Task:
    template = job.template
    return Task(
        name=job.name,
        node=job.item.name,
        engine=template,
        work=job.work,
        reads=job.reads,
        write_offset=job.write_offset,
        write_stride=job.write_stride,
        cycles=task_cycles(template, job.work, fold),
        useful=useful_of(job.work),
        bound=bound_of(template, job.work, fold),
        appends=job.appends,
        sizes=job.sizes,
        keeps=job.keeps,
        stays=fold.stays,
        shares=shares,
    )


def _stream_lanes(tensors: Sequence[QTensor], banks: int, busy: int) -> int:
    """Return the lanes of an input or output stream: a power of two up to the banks.

    ``tensors`` is the one that it carries, of each length.
    """
    most = min(banks, max(1, _STREAM_BITS // tensors[0].type.bits))
    elements = sum(tensor.elements for tensor in tensors)
    lanes = 1
    while 2 * lanes <= most and all(tensor.elements % (2 * lanes) == 0 for tensor in tensors):
        beats = elements // lanes
        if beats / 2 < WORTH * (busy + beats):
            break
        lanes *= 2
    return lanes


def _placements(
    qgraph: QGraph, tasks: Sequence[Task], banks: int
) -> tuple[tuple[Placement, ...], int]:
    """Return where each tensor lies, and the elements of the buffer."""
    lives = lifetimes(qgraph, tasks)
    addresses = place(lives, banks)
    placements = tuple(
        Placement(
            live.tensor,
            ACTIVATIONS,
            addresses[live.tensor] + aligned(live.front, banks),
            live.elements,
            live.front,
        )
        for live in lives
    )
    placements += tuple(
        Placement(name, EXTERNAL, 0, stored(qgraph, name).elements)
        for task in tasks
        if task.engine == EXTERNAL
        for name in (task.appends, task.sizes)
        if name
    )
    return placements, peak(lives, addresses, banks)


def _cut(placements: Sequence[Placement], graph: QGraph) -> tuple[Placement, ...]:
    """Return the places of a qgraph's shorter tensors: the first elements of the longest."""
    return tuple(
        replace(place, elements=stored(graph, place.tensor).elements) for place in placements
    )


def _why(task: Task, engines: Sequence[Engine], budget: int) -> str:
    """Return what bounds a phase, and what a fold of its own would have made of it."""
    engine = next(engine for engine in engines if engine.name == task.engine)
    fold = replace(engine.fold, stays=task.stays)
    text = f"{count(task.cycles, 'cycle')}, {explain(task.engine, task.work, fold)}"
    if task.engine != "mac":
        return text
    own = min(
        (option for option in mac_options(task.work, budget) if option.rows == 1),
        key=lambda option: option.cycles,
    )
    if own.cycles >= task.cycles:
        return f"{text}; no fold within {count(budget, 'multiplier')} is faster for this task"
    return (
        f"{text}; alone it would take {count(own.cycles, 'cycle')} with {own.elements} elements x "
        f"{own.outputs} outputs, but all tasks share one fold"
    )
