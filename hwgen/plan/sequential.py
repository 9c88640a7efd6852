"""The sequential plan: one time-shared engine per template, one shared buffer, a task a phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from hwgen.errors import Diagnostic, SpecError
from hwgen.ops.work import Loop, Port, Work
from hwgen.plan.cost import (
    issue_cycles,
    lowest_set_bit,
    power_of_two_at_least,
    reads_of,
    template_of,
)
from hwgen.plan.cycles import with_prediction
from hwgen.plan.folding import mac_options, mac_sizes, output_sizes, vector_lanes
from hwgen.plan.items import Item, engine_for
from hwgen.plan.model import Buffer, Engine, Fold, Phase, Placement, Plan, Prediction, Task
from hwgen.plan.placement import Live, peak, place
from hwgen.plan.reasons import bound_of, count, explain
from hwgen.quant.model import QGraph, QTensor
from hwgen.spec.model import Accelerator

__all__ = ["ACTIVATIONS", "plan_sequential"]

ACTIVATIONS = "activations"
"""Name of the shared buffer."""

_WORTH = 0.02
"""Wider streams and lanes are chosen while doubling them saves this part of all cycles."""


_STREAM_BITS = 64
"""Most bits of a beat on an input or output stream."""


@dataclass(frozen=True, eq=False)
class _Job:
    """A task before its engine has a size."""

    name: str
    item: Item
    work: Work
    reads: tuple[str, ...]
    write_offset: int = 0
    write_stride: int = 0


def plan_sequential(qgraph: QGraph, items: Sequence[Item], accelerator: Accelerator) -> Plan:
    """Return the sequential plan with the fewest issue cycles under the budget.

    Raises
    ------
    SpecError
        HG407, if the spec folds single layers: they share one engine here.
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
    jobs = [job for item in items for job in _jobs(item)]
    macs = [job.work for job in jobs if job.work.kind == "mac"]
    others = [job.work for job in jobs if job.work.kind != "mac"]
    budget = accelerator.budget.multipliers
    folds: dict[str, Fold] = {}
    if macs:
        folds["mac"] = _mac_fold(macs, budget)
    if others:
        busy = sum(issue_cycles(work, folds["mac"]) for work in macs)
        folds["vector"] = _vector_fold(others, busy)

    engines = tuple(
        engine_for(name, [item for item in items if item.template == name], fold, 0)
        for name, fold in folds.items()
    )
    tasks = tuple(_task(job, folds[template_of(job.work)]) for job in jobs)
    banks = power_of_two_at_least(
        max(
            max(reads_of(job.work, fold), fold.lanes)
            for job in jobs
            for fold in [folds[template_of(job.work)]]
        )
    )
    placements, elements = _placements(qgraph, tasks, banks)
    stored = [qgraph.tensor(place_.tensor) for place_ in placements]
    busy = sum(task.cycles for task in tasks)
    plan = Plan(
        name=qgraph.name,
        schedule="sequential",
        engines=engines,
        buffers=(Buffer(ACTIVATIONS, elements, max(tensor.type.bits for tensor in stored), banks),),
        placements=placements,
        channels=(),
        tasks=tasks,
        phases=tuple(Phase((task.name,), _why(task, engines, budget)) for task in tasks),
        input_lanes={tensor.name: _stream_lanes(tensor, banks, busy) for tensor in qgraph.inputs},
        output_lanes={
            name: _stream_lanes(qgraph.tensor(name), banks, busy) for name in qgraph.outputs
        },
        prediction=Prediction(0, 0, ()),
    )
    return with_prediction(plan)


def _jobs(item: Item) -> list[_Job]:
    """Return the tasks of a node: itself, or one copy per input of a concat."""
    work = item.work
    if work.kind != "concat":
        return [_Job(item.name, item, work, item.node.inputs)]
    jobs = []
    offset = 0
    for k, (tensor, port) in enumerate(zip(item.node.inputs, work.ports, strict=True)):
        chunk = port.elements // work.positions
        copy = Work(
            kind="copy",
            ports=(Port(work.positions, chunk),),
            row=Loop(work.positions, dy=1),
            column=Loop(1),
            channel=Loop(chunk, dx=1),
        )
        name = f"{item.name}_P{k}"  # a capital: no layer has such a name
        jobs.append(_Job(name, item, copy, (tensor,), offset, work.channel.count))
        offset += chunk
    return jobs


def _task(job: _Job, fold: Fold) -> Task:
    return Task(
        name=job.name,
        node=job.item.name,
        engine=template_of(job.work),
        work=job.work,
        reads=job.reads,
        write_offset=job.write_offset,
        write_stride=job.write_stride,
        cycles=issue_cycles(job.work, fold),
        useful=job.work.macs,
        bound=bound_of(job.work, fold),
    )


def _mac_fold(works: Sequence[Work], budget: int) -> Fold:
    """Return the fold of least total issue cycles, then of fewest multipliers.

    Beats are as narrow as the steps allow: a beat divides the outputs of a group of every work.
    """
    elements = sorted({n for work in works for n in mac_sizes(work.elements, budget)})
    outputs = sorted({n for work in works for n in output_sizes(work.outputs, budget)})
    sizes = np.array(elements, dtype=np.int64)
    best: tuple[float, int, int, int, int] = (inf, 0, 0, 0, 0)
    for size in outputs:
        legal = sizes[: np.searchsorted(sizes, budget // size, side="right")]
        if not legal.size:
            break
        widest = min(_widest_beat(work, size) for work in works)
        lanes = 1
        while lanes <= widest:
            total = np.zeros(legal.size, dtype=np.int64)
            for work in works:
                steps = work.segments * -(-work.elements // legal)
                length = np.maximum(steps, -(-min(size, work.outputs) // lanes))
                groups = work.positions * work.channel.count * -(-work.outputs // size)
                total += groups * length
            least = int(np.argmin(total))  # the first of equals: fewest multipliers
            cell = int(legal[least])
            best = min(best, (int(total[least]), cell * size, lanes, size, cell))
            lanes *= 2
    _, _, lanes, size, cell = best
    return Fold(1, cell, size, lanes)


def _widest_beat(work: Work, size: int) -> int:
    if size >= work.outputs:
        return lowest_set_bit(work.outputs)
    return min(lowest_set_bit(work.outputs), lowest_set_bit(size))


def _vector_fold(works: Sequence[Work], busy: int) -> Fold:
    """Return the fewest lanes beyond which twice as many would save next to nothing."""
    most = min(vector_lanes(work) for work in works)
    lanes = 1
    while lanes < most:
        cycles = sum(issue_cycles(work, Fold(lanes=lanes)) for work in works)
        if cycles / 2 < _WORTH * (busy + cycles):
            break
        lanes *= 2
    return Fold(lanes=lanes)


def _stream_lanes(tensor: QTensor, banks: int, busy: int) -> int:
    """Return the lanes of an input or output stream: a power of two up to the banks."""
    most = min(banks, max(1, _STREAM_BITS // tensor.type.bits))
    lanes = 1
    while 2 * lanes <= most and tensor.elements % (2 * lanes) == 0:
        beats = tensor.elements // lanes
        if beats / 2 < _WORTH * (busy + beats):
            break
        lanes *= 2
    return lanes


def _placements(
    qgraph: QGraph, tasks: Sequence[Task], banks: int
) -> tuple[tuple[Placement, ...], int]:
    """Return where each tensor lies, and the elements of the buffer."""
    loads = len(qgraph.inputs)
    end = loads + len(tasks) + len(qgraph.outputs)
    first = {tensor.name: 0 for tensor in qgraph.inputs}
    last = dict(first)
    for phase, task in enumerate(tasks, start=loads):
        first.setdefault(task.node, phase)
        last[task.node] = phase
        for name in task.reads:
            last[name] = phase
    for name in qgraph.outputs:
        last[name] = end
    # Loading is over when the first task starts; every input is there by then.
    lives = [
        Live(name, qgraph.tensor(name).elements, first[name], max(last[name], first[name]))
        for name in first
    ]
    lives = [
        Live(live.tensor, live.elements, live.first, max(live.last, loads - 1))
        if live.tensor in {tensor.name for tensor in qgraph.inputs}
        else live
        for live in lives
    ]
    addresses = place(lives, banks)
    placements = tuple(
        Placement(live.tensor, ACTIVATIONS, addresses[live.tensor], live.elements) for live in lives
    )
    return placements, peak(lives, addresses, banks)


def _why(task: Task, engines: Sequence[Engine], budget: int) -> str:
    """Return what bounds a phase, and what a fold of its own would have made of it."""
    fold = next(engine.fold for engine in engines if engine.name == task.engine)
    text = f"{count(task.cycles, 'cycle')}, {explain(task.work, fold)}"
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
