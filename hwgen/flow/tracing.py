"""Every intermediate tensor of a simulated run, and when each task made its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen import golden
from hwgen.ops.arithmetic import Int
from hwgen.plan.model import Plan, Span
from hwgen.quant.model import QGraph
from hwgen.verify.design import Design, TracePort
from hwgen.verify.diagnose import describe, task_codes
from hwgen.verify.model import build_native_model
from hwgen.verify.native import run_native
from hwgen.verify.run import Request, TraceRecord
from hwgen.verify.scenario import Scenario

__all__ = ["Traced", "trace_run"]


@dataclass(frozen=True, eq=False)
class Traced:
    """What the trace ports of the hardware showed.

    Parameters
    ----------
    tensors
        Codes (n, *shape) by node, in graph order.
    spans
        For each task, cycles from its first to its last result of the first tensor.
    """

    tensors: Mapping[str, Int]
    spans: tuple[Span, ...]


def trace_run(
    plan: Plan,
    qgraph: QGraph,
    inputs: Mapping[str, Int],
    folder: Path,
    emit: Callable[[bool], str],
    progress: Callable[[str], None],
    lengths: tuple[int, ...] = (),
) -> Traced:
    """Send tensors through the traced variant without stalls, in the compiled testbench.

    Parameters
    ----------
    inputs
        Codes (n, *shape) by input name.
    folder
        For the testbench's files.
    emit
        Gives the Verilog, from whether trace ports are wanted.
    lengths
        Tokens of each tensor, if they have several lengths.
    """
    progress("trace the layers")
    design = describe(plan, qgraph)
    count = len(next(iter(inputs.values())))
    cycles = plan.prediction.latency + count * plan.prediction.interval
    stream = {name: golden.to_stream(codes) for name, codes in inputs.items()}
    request = Request(design, Scenario("trace", count), stream, 2 * cycles + 2000, lengths)
    model = build_native_model(emit(True), design.name, design.ports_def(trace=True))
    seen = run_native(model, request, folder, trace=True)
    tensors: dict[str, Int] = {}
    for node in qgraph.nodes:
        codes = np.zeros((count, node.out.elements), np.int64)
        for port in design.traces:
            if port.node == node.name:
                _fill(codes, plan, port, seen.traces[port.task], lengths)
        tensors[node.name] = golden.from_stream(codes, node.out.shape)
    return Traced(tensors, _spans(plan, design, seen.traces, seen.start, lengths))


def _fill(
    codes: Int, plan: Plan, port: TracePort, record: TraceRecord, lengths: tuple[int, ...]
) -> None:
    """Write the results of one task into the node's tensors, stream order."""
    elements, _ = task_codes(plan.task(port.task), codes)
    tensor = port.tensors(record.indices, lengths)
    for number, index, beat in zip(tensor, record.indices, record.codes, strict=True):
        if number < len(codes):
            place = elements[index : index + port.lanes]
            codes[number, place] = beat[: place.size]


def _spans(
    plan: Plan,
    design: Design,
    traces: Mapping[str, TraceRecord],
    start: int,
    lengths: tuple[int, ...],
) -> tuple[Span, ...]:
    spans = {}
    for port in design.traces:
        record = traces[port.task]
        end = int(np.count_nonzero(port.tensors(record.indices, lengths) == 0))
        if end:
            first, last = int(record.cycles[0]), int(record.cycles[end - 1])
            spans[port.task] = Span(port.task, first - start, last - start + 1)
    return tuple(spans[task.name] for task in plan.tasks if task.name in spans)
