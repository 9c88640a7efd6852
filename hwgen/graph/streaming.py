"""When the rows of a streamed graph's tensors come: strides, delays, and what cannot be streamed.

Row ``j`` of a tensor in the stream is row ``j - delay`` of the same tensor in the offline network,
and there is one for each ``stride`` rows of the inputs.  A window of ``extent`` rows that looks
``right`` rows ahead is complete with row ``j * stride + phase`` of its input, where ``phase`` and
the delay of the result are remainder and quotient of ``(delay + right) / stride``.  So it fires at
its phase, and neither waits for a whole stride nor keeps rows for it (Caillon and Esling, arXiv
2204.07064, fire at phase 0 and round the quotient up).

A window of an op that makes more rows than it reads (up-sampling, transposed convolution) makes
``rows`` of them, and leaves with its last row, whatever the offline op cuts off in front of its
result: that many rows are added to the delay.

Where rows of ``n`` inputs come in turn, row ``n * i + k`` of the result leaves with its row
``n * i + k + delay``, that is with row ``i + (k + delay) // n`` of the inputs: so an input may be
later than another one, and the delay is the least for which none is later than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from hwgen.errors import Diagnostic, Mark
from hwgen.graph.model import Input, Node
from hwgen.ops.base import ParamError, Shape
from hwgen.ops.history import RowWindow, row_axis
from hwgen.ops.registry import get_op
from hwgen.spec.model import Stream

__all__ = [
    "Pace",
    "check_rows",
    "check_stream",
    "history_of",
    "joined",
    "multiples",
    "paces",
    "row_windows",
    "total_stride",
]

_ROWS = "docs/streaming.md lists the ops: those that work row by row, and windows"


@dataclass(frozen=True)
class Pace:
    """Rows of the inputs per row of a tensor, and how many rows it is behind the offline one."""

    stride: Fraction = Fraction(1)
    delay: int = 0

    def after(self, window: RowWindow) -> Pace:
        """Return the pace of what a window makes of such rows."""
        behind = (self.delay + window.right) // window.stride
        stride = self.stride * window.stride / window.rows
        return Pace(stride, behind * window.rows + window.cut)


def joined(delays: Sequence[int], window: RowWindow) -> tuple[int, ...]:
    """Return the delays of the inputs of an op where it reads them, none less than it was."""
    if not window.in_turn:
        return (max(delays),) * len(delays)
    late = max(window.rows * delay - k for k, delay in enumerate(delays))
    return tuple((k + late) // window.rows for k in range(window.rows))


def pace_after(sources: Sequence[Pace], window: RowWindow) -> Pace:
    """Return the pace of what an op makes of tensors of one stride."""
    delays = joined([source.delay for source in sources], window)
    if window.in_turn:
        return Pace(sources[0].stride / window.rows, sum(delays))
    return Pace(sources[0].stride, delays[0]).after(window)


def history_of(pace: Pace, window: RowWindow) -> int:
    """Return the rows before a tensor's first one that its first window begins with.

    Negative: so many rows of the tensor come before the first window.
    """
    phase = (pace.delay + window.right) % window.stride
    return window.extent - 1 - phase


def paces(
    inputs: Iterable[str],
    links: Iterable[tuple[str, Sequence[str]]],
    windows: Mapping[str, RowWindow],
) -> dict[str, Pace]:
    """Return the pace of every tensor, as far as the strides of joined ones agree.

    Parameters
    ----------
    links
        Nodes in topological order: name, and what it reads.
    windows
        By node; one that is missing works row by row.
    """
    found = dict.fromkeys(inputs, Pace())
    for name, reads in links:
        sources = [found[source] for source in reads if source in found]
        if len(sources) < len(reads) or len({source.stride for source in sources}) != 1:
            continue
        found[name] = pace_after(sources, windows.get(name, RowWindow()))
    return found


def row_windows(nodes: Iterable[Node], shapes: Mapping[str, Shape]) -> dict[str, RowWindow]:
    """Return the window of every one of nodes that can be streamed."""
    found = {}
    for node in nodes:
        window = _window(node, shapes)
        assert window is not None, f"{node.name} was checked"
        found[node.name] = window
    return found


def total_stride(inputs: Iterable[str], nodes: Sequence[Node], shapes: Mapping[str, Shape]) -> int:
    """Return the rows of the inputs that give whole rows of every tensor."""
    links = [(node.name, node.inputs) for node in nodes]
    found = paces(inputs, links, row_windows(nodes, shapes))
    return lcm(*(pace.stride.numerator for pace in found.values()))


def check_stream(
    inputs: Sequence[Input], nodes: Sequence[Node], stream: Stream
) -> list[Diagnostic]:
    """Return why a network cannot run in a stream of chunks: HG440, HG455 to HG458."""
    problems = check_rows(inputs, nodes, stream.mark)
    if problems:
        return problems
    total = total_stride([item.name for item in inputs], nodes, _shapes(inputs, nodes))
    if stream.chunk % total:
        message = f"chunk {stream.chunk} is not a multiple of {total}, the product of the strides"
        problems.append(Diagnostic("HG455", message, stream.mark, multiples(stream.chunk, total)))
    return problems


def multiples(count: int, step: int) -> str:
    """Return the multiples of a step near a number, for a hint."""
    near = count // step * step
    legal = [number for number in (near, near + step, near + 2 * step) if number]
    return f"a multiple of {step}, such as {', '.join(map(str, legal))}"


def check_rows(inputs: Sequence[Input], nodes: Sequence[Node], mark: Mark) -> list[Diagnostic]:
    """Return which nodes do not work on the rows of a stream: HG440, HG456 to HG458."""
    problems = _input_problems(inputs, mark)
    if problems:
        return problems
    shapes = _shapes(inputs, nodes)
    windows: dict[str, RowWindow] = {}
    for node in nodes:
        try:
            window = _window(node, shapes)
        except ParamError as error:
            message = f"stream: {node.op} {node.name}: {error}"
            problems.append(Diagnostic("HG440", message, node.mark, error.hint))
            continue
        if window is None or window.right < 0:
            message = f"{node.op} {node.name} makes a row of more than a window of rows"
            if window is not None:
                message = f"{node.op} {node.name} has more padding in front than its window reaches"
            problems.append(Diagnostic("HG456", f"stream: {message}", node.mark, _ROWS))
        else:
            windows[node.name] = window
    if problems:
        return problems
    found = paces([item.name for item in inputs], [(n.name, n.inputs) for n in nodes], windows)
    for node in nodes:
        strides = {name: found[name].stride for name in node.inputs if name in found}
        if len(set(strides.values())) > 1:
            shown = ", ".join(
                f"{name} {stride.denominator if stride.denominator > 1 else 'one'} in "
                f"{stride.numerator}"
                for name, stride in strides.items()
            )
            message = f"stream: {node.name} joins rows of different strides: {shown} of the input's"
            hint = "the same product of strides on every path to it"
            problems.append(Diagnostic("HG457", message, node.mark, hint))
    return problems


def _shapes(inputs: Sequence[Input], nodes: Sequence[Node]) -> dict[str, Shape]:
    return {item.name: item.shape for item in inputs} | {node.name: node.shape for node in nodes}


def _window(node: Node, shapes: Mapping[str, tuple[int, ...]]) -> RowWindow | None:
    return get_op(node.op).row_window(node.params, [shapes[name] for name in node.inputs])


def _input_problems(inputs: Sequence[Input], mark: Mark) -> list[Diagnostic]:
    found = [
        Diagnostic(
            "HG458",
            f"stream: input {item.name} is a vector of {item.shape[0]}, which has no rows",
            mark,
            "[tokens, features] or [channels, height, width]",
        )
        for item in inputs
        if len(item.shape) == 1
    ]
    rows = {item.name: item.shape[row_axis(len(item.shape) + 1) - 1] for item in inputs}
    if not found and len(set(rows.values())) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in rows.items())
        message = f"stream: inputs of different numbers of rows: {shown}"
        found.append(Diagnostic("HG458", message, mark, "the same number of rows, or tokens"))
    return found
