"""Networks that judge windows of a stream: a body that works row by row, pooling, and a head.

The body runs on the stream as it is; so a window is padded with the signal around it.  An op that
folds all rows of a window (global pooling) does so in parts, of which the latest ones are kept, and
what follows works once per window (StreamiNNC, arXiv 2408.03223: "signal padding").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd, pi

from hwgen.errors import Diagnostic
from hwgen.graph.cones import Cones
from hwgen.graph.model import Graph, Input, Node
from hwgen.graph.streaming import check_rows, multiples, paces, row_windows, total_stride
from hwgen.ops.base import Shape
from hwgen.ops.history import RowWindow, row_axis
from hwgen.ops.pooling import Pool
from hwgen.ops.registry import get_op
from hwgen.spec.model import Stream

__all__ = ["Split", "body_windows", "check_windows", "receptive_field", "split"]

_POOLS = "global_avg_pool or global_max_pool, after which layers work once per window"


@dataclass(frozen=True)
class Split:
    """Nodes that work row by row, that fold a window's rows, and that read what is left of them."""

    body: tuple[Node, ...]
    pools: tuple[Node, ...]
    head: tuple[Node, ...]


def split(nodes: Iterable[Node], shapes: Mapping[str, Shape]) -> Split:
    """Return the parts of a network; what belongs to none is in the body."""
    body, pools, head = [], [], []
    for node in nodes:
        ranks = [len(shapes[name]) for name in node.inputs]
        if get_op(node.op).in_parts:
            pools.append(node)
        elif max(ranks) == 1:
            head.append(node)
        else:
            body.append(node)
    return Split(tuple(body), tuple(pools), tuple(head))


def body_windows(graph: Graph) -> dict[str, RowWindow]:
    """Return the window of every node that works row by row, of a graph that can be streamed."""
    names = [item.name for item in graph.inputs] + [node.name for node in graph.nodes]
    shapes = {name: graph.shape(name) for name in names}
    return row_windows(split(graph.nodes, shapes).body, shapes)


def check_windows(
    inputs: Sequence[Input], nodes: Sequence[Node], stream: Stream
) -> list[Diagnostic]:
    """Return why a network cannot judge windows of a stream: HG456 to HG458, HG495 to HG499."""
    shapes = {item.name: item.shape for item in inputs} | {node.name: node.shape for node in nodes}
    parts = split(nodes, shapes)
    late = {node.name for node in (*parts.pools, *parts.head)}
    problems = [
        Diagnostic("HG456", f"stream: {node.name} joins a window's result and rows", node.mark)
        for node in parts.body
        if late & set(node.inputs)
    ]
    problems = problems or check_rows(inputs, parts.body, stream.mark)
    if not parts.pools:
        message = "stream: no layer folds the rows of a window"
        problems.append(
            Diagnostic("HG499", message, stream.mark, f"{_POOLS}; or stream: {{chunk}}")
        )
    assert stream.windows is not None
    rows, mark = stream.windows.rows, stream.windows.mark
    wrong = next((item for item in inputs if _rows(item.shape) != rows), None)
    if wrong is not None:
        message = f"a window of {rows} rows, and input {wrong.name} has {_rows(wrong.shape)}"
        hint = f"window: {_rows(wrong.shape)}, or an input of {rows} rows"
        problems.append(Diagnostic("HG496", message, mark, hint))
    if problems:
        return problems
    names = [item.name for item in inputs]
    total = total_stride(names, parts.body, shapes)
    if stream.chunk % total:
        problems.append(_misfit(parts.body, shapes, stream, total))
    if rows % total:
        message = f"window {rows} is not a multiple of {total}, the product of the strides"
        problems.append(Diagnostic("HG496", message, mark, multiples(rows, total)))
    reach = receptive_field(names, parts, shapes)
    if reach > rows:
        message = f"window {rows} is shorter than the {reach} rows that one row before pooling sees"
        hint = f"a window, and inputs, of at least {-(-reach // total) * total} rows"
        problems.append(Diagnostic("HG498", message, mark, hint))
    if stream.exact and not problems:
        problems = _more_rows(parts, shapes) or _cone_problems(names, parts, shapes, stream, total)
    return problems


def _more_rows(parts: Split, shapes: Mapping[str, Shape]) -> list[Diagnostic]:
    """Return which layers make more rows than they read, whose cones nothing makes yet."""
    windows = row_windows(parts.body, shapes)
    return [
        Diagnostic(
            "HG499",
            f"padding: window_exact, and {node.op} {node.name} makes more rows than it reads",
            node.mark,
            "padding: signal, or no up-sampling before pooling",
        )
        for node in parts.body
        if windows[node.name].rows > 1 or not get_op(node.op).padded_apart
    ]


def _cone_problems(
    names: Sequence[str], parts: Split, shapes: Mapping[str, Shape], stream: Stream, total: int
) -> list[Diagnostic]:
    """Return why windows cannot have zero padding of their own."""
    windows = row_windows(parts.body, shapes)
    links = [(node.name, node.inputs) for node in parts.body]
    found = paces(names, links, windows)
    cones = Cones({name: _rows(shapes[name]) for name in found}, links, windows, found)
    least = cones.least_hop([name for node in parts.pools for name in node.inputs])
    assert stream.windows is not None
    rows, mark = stream.windows.rows, stream.windows.mark
    legal = [
        hop
        for hop in range(total, rows + 1, total)
        if least is not None and hop >= least and not rows % hop
    ]
    if not legal:
        message = f"padding: window_exact, and no hop of a window of {rows} has room for its ends"
        hint = "a longer window, or padding: signal"
        return [Diagnostic("HG498", message, mark, hint)]
    if stream.chunk in legal:
        return []
    message = f"padding: window_exact, and a hop of {stream.chunk} does not divide the window"
    if not rows % stream.chunk:
        message = (
            f"padding: window_exact, and a hop of {stream.chunk} has no room for the ends of a "
            f"window, which need {least} rows"
        )
    return [Diagnostic("HG495", message, stream.mark, f"{', '.join(map(str, legal))}")]


def _misfit(
    body: Sequence[Node], shapes: Mapping[str, Shape], stream: Stream, total: int
) -> Diagnostic:
    """Return what is wrong with a hop that is no multiple of the strides.

    With the bound that StreamiNNC gives for the mean error of a pooling layer that is not aligned,
    ``(Lp - 1) * 2 * pi * A * fmax / fs`` for windows of ``Lp`` rows and an input of magnitude
    ``A``, bandwidth ``fmax`` and rate ``fs``; and with the copies of the network
    that would avoid it.
    """
    windows = row_windows(body, shapes)
    bounds = [
        f"{node.name} {(windows[node.name].extent - 1) * 2 * pi:.1f} A fmax/fs"
        for node in body
        if isinstance(get_op(node.op), Pool) and windows[node.name].stride > 1
    ]
    copies = total // gcd(stream.chunk, total)
    message = (
        f"hop {stream.chunk} is not a multiple of {total}, the product of the strides: exact "
        f"windows would need {copies} copies of the network, one for each phase"
    )
    if bounds:
        message += (
            f"; without them StreamiNNC's bound on the mean error of pooling is "
            f"{', '.join(bounds)} (A: largest magnitude, fmax: bandwidth, fs: rate of its input)"
        )
    return Diagnostic("HG495", message, stream.mark, multiples(stream.chunk, total))


def receptive_field(names: Sequence[str], parts: Split, shapes: Mapping[str, Shape]) -> int:
    """Return the rows of the inputs that a row of what is pooled depends on, at most."""
    windows = row_windows(parts.body, shapes)
    zero, one = Fraction(0), Fraction(1)
    first, last = dict.fromkeys(names, zero), dict.fromkeys(names, zero)
    stride = dict.fromkeys(names, one)
    for node in parts.body:
        window = windows[node.name]
        step = stride[node.inputs[0]]
        # Row r is of window (r + cut) // rows.
        late = Fraction(window.cut, window.rows)
        early = late - Fraction(window.rows - 1, window.rows)
        first[node.name] = min(first[name] for name in node.inputs) - (window.left - early) * step
        last[node.name] = max(last[name] for name in node.inputs) + (window.right + late) * step
        stride[node.name] = step * window.stride / window.rows
    spans = [last[name] - first[name] for node in parts.pools for name in node.inputs]
    return ceil(max(spans)) + 1


def _rows(shape: Shape) -> int:
    return shape[row_axis(len(shape) + 1) - 1] if len(shape) > 1 else 0
