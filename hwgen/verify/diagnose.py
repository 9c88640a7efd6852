"""Where hardware and golden model part: the first layer, element and cycle that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.errors import VerificationError
from hwgen.golden import stream_index, to_stream
from hwgen.plan.model import Plan, Task
from hwgen.quant.model import QGraph, QTensor
from hwgen.verify.design import Codes, Design, StreamPort, TracePort
from hwgen.verify.run import Observation, TraceRecord

__all__ = [
    "Mismatch",
    "MismatchError",
    "describe",
    "first_in_outputs",
    "first_in_traces",
    "task_codes",
]


@dataclass(frozen=True)
class Mismatch:
    """The first element that differs.

    Parameters
    ----------
    layer
        Node whose result it is; no earlier node of the graph differs.
    tensor
        Which of the tensors sent, from 0.
    element
        Index in stream order.
    index
        Index in the tensor's shape: (channel, row, column) or (feature,).
    cycle
        Cycle in which the hardware made it, counted from the end of the reset; -1 if it made
        no such element.
    expected, got
        Codes; ``got`` is 0 for an element that was not made.
    """

    layer: str
    tensor: int
    element: int
    index: tuple[int, ...]
    cycle: int
    expected: int
    got: int

    def __str__(self) -> str:
        place = f"tensor {self.tensor}, element {self.element} {list(self.index)}"
        if self.cycle < 0:
            return f"layer {self.layer!r} never made {place}: expected {self.expected}"
        values = f"expected {self.expected}, got {self.got}"
        return f"layer {self.layer!r}, {place}, cycle {self.cycle}: {values}"


class MismatchError(VerificationError):
    """Hardware and golden model differ.

    Parameters
    ----------
    mismatch
        Where.
    scenario
        The run in which it happened, for the message.
    wave
        The waveform file of that run.
    """

    def __init__(self, mismatch: Mismatch, scenario: str, wave: Path) -> None:
        super().__init__(
            "HG701",
            f"RTL differs from the golden model: {mismatch}; run: {scenario}",
            hint=f"the waveform is {wave}: open it with gtkwave or surfer",
        )
        self.mismatch = mismatch
        self.scenario = scenario
        self.wave = wave


def describe(plan: Plan, qgraph: QGraph) -> Design:
    """Return what a testbench must know about the top that is emitted for a plan."""
    order = {node.name: position for position, node in enumerate(qgraph.nodes)}
    tasks = [task for task in plan.tasks if not task.moves]
    tasks.sort(key=lambda task: order[task.node])
    engines = [
        pair
        for k in range(len(plan.engines))
        for pair in ((8 + 2 * k, f"ACTIVE_{k}"), (9 + 2 * k, f"WAIT_{k}"))
    ]
    fixed = [(0, "ID"), (1, "VERSION"), (3, "STATUS"), (4, "CYCLES"), (5, "TENSORS")]
    if any(task.work.kind == "attention" for task in plan.tasks):
        fixed += [(6, "SATURATED"), (7, "MASKED")]
    return Design(
        name=plan.name,
        inputs=tuple(_stream(qgraph, name, lanes) for name, lanes in plan.input_lanes.items()),
        outputs=tuple(_stream(qgraph, name, lanes) for name, lanes in plan.output_lanes.items()),
        traces=tuple(_trace(plan, qgraph, task) for task in tasks),
        registers=(*fixed, *engines),
    )


def _stream(qgraph: QGraph, name: str, lanes: int) -> StreamPort:
    tensor = qgraph.tensor(name)
    return StreamPort(
        name, tensor.elements, lanes, tensor.type.bits, tensor.type.signed, _row(tensor)
    )


def _row(tensor: QTensor) -> int:
    """Return the elements of a token, 0 if all tensors have one length."""
    return tensor.elements // tensor.shape[0] if tensor.sequence else 0


def _trace(plan: Plan, qgraph: QGraph, task: Task) -> TracePort:
    tensor = qgraph.tensor(task.node)
    kind = tensor.type
    engine = plan.engine(task.engine)
    return TracePort(
        task.name,
        task.node,
        task.work.results,
        engine.fold.lanes,
        kind.bits,
        kind.signed,
        ordered=not engine.placed,
        row=task.work.results // tensor.shape[0] if tensor.sequence else 0,
    )


def task_codes(task: Task, codes: Codes) -> tuple[Codes, Codes]:
    """Return which elements of its node's tensor a task makes, and their golden codes.

    Parameters
    ----------
    codes
        Golden codes of the node in stream order, (tensors, elements).

    Returns
    -------
    elements
        Index in the node's tensor of each result of the task, in the task's order.
    expected
        Golden codes, (tensors, results).
    """
    elements = np.arange(task.work.results)
    if task.write_stride:
        row = task.work.channel.count  # one input of a concat: a run of channels per position
        elements = elements // row * task.write_stride + elements % row + task.write_offset
    return elements, codes[:, elements]


def first_in_traces(
    plan: Plan,
    qgraph: QGraph,
    design: Design,
    golden: Mapping[str, Codes],
    observation: Observation,
    lengths: Sequence[int] = (),
) -> Mismatch | None:
    """Return the first difference in graph order among the results of all tasks, if any.

    Parameters
    ----------
    golden
        Codes of every tensor, (tensors, *shape).
    observation
        Of the traced variant.
    lengths
        Tokens of each tensor, if they have several lengths.
    """
    for port in design.traces:
        task = plan.task(port.task)
        elements, expected = task_codes(task, to_stream(golden[port.node]))
        found = _first_in_trace(port, expected, observation.traces[port.task], lengths)
        if found is not None:
            tensor, result, cycle, got = found
            return _mismatch(
                qgraph,
                port.node,
                tensor,
                int(elements[result]),
                cycle,
                int(expected[tensor, result]),
                got,
            )
    return None


def _first_in_trace(
    port: TracePort, expected: Codes, record: TraceRecord, lengths: Sequence[int]
) -> tuple[int, int, int, int] | None:
    """Return (tensor, result, cycle, got) of a task's first wrong result.

    A partial beat is followed by the beat that overlaps its spare lanes, so the latest value of
    an element counts.  A run that ended early has no results of the last tensors: they are not
    compared, but a gap before the last result, or in a tensor that is whole, is.
    """
    # In C order whatever the order of `expected` is: the flat views must not be copies.
    got = np.zeros_like(expected, order="C")
    cycle = np.full_like(expected, -1, order="C")
    flat_got, flat_cycle = got.reshape(-1), cycle.reshape(-1)
    sizes = port.sizes(len(expected), lengths)
    tensors = port.tensors(record.indices, lengths[: len(expected)]).tolist()
    for tensor, when, index, codes in zip(
        tensors, record.cycles, record.indices.tolist(), record.codes, strict=True
    ):
        if tensor >= len(expected):
            break
        count = min(port.lanes, int(sizes[tensor]) - index)
        place = slice(tensor * port.elements + index, tensor * port.elements + index + count)
        flat_got[place], flat_cycle[place] = codes[:count], when
    made = flat_cycle >= 0
    if port.ordered:
        end = int(np.flatnonzero(made)[-1]) + 1 if made.any() else 0
    else:
        whole = int(np.searchsorted(np.cumsum(sizes), len(tensors) * port.lanes, side="right"))
        end = whole * port.elements
    counts = (np.arange(port.elements) < sizes[:, None]).reshape(-1)
    gap = ~made & counts & (np.arange(made.size) < end)
    wrong = np.flatnonzero(gap | (made & (flat_got != expected.reshape(-1))))
    if not wrong.size:
        return None
    tensor, result = divmod(int(wrong[0]), port.elements)
    return tensor, result, int(cycle[tensor, result]), int(got[tensor, result])


def first_in_outputs(
    qgraph: QGraph,
    design: Design,
    golden: Mapping[str, Codes],
    observation: Observation,
    lengths: Sequence[int] = (),
) -> Mismatch | None:
    """Return the first difference among the outputs' transfers, if any."""
    for port in design.outputs:
        record = observation.sinks[port.name]
        stream = to_stream(golden[port.name])
        ends = np.cumsum(port.sizes(len(stream), lengths))
        expected = port.flat(stream, lengths)[: record.codes.size]
        wrong = np.flatnonzero(record.codes != expected)
        if wrong.size:
            first = int(wrong[0])
            tensor = int(np.searchsorted(ends, first, side="right"))
            element = first - int(ends[tensor - 1] if tensor else 0)
            cycle = int(record.cycles[first // port.lanes])
            return _mismatch(
                qgraph,
                port.name,
                tensor,
                element,
                cycle,
                int(expected[first]),
                int(record.codes[first]),
            )
    return None


def _mismatch(
    qgraph: QGraph, layer: str, tensor: int, element: int, cycle: int, expected: int, got: int
) -> Mismatch:
    index = stream_index(element, qgraph.tensor(layer).shape)
    return Mismatch(layer, tensor, element, index, cycle, expected, got)
