"""Tasks that multiply activations, and those that append to their caches, as C++ constants."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.emit.hls.scaling import factor, scaling
from hwgen.ops.attention_keys import ring_start, slots_of
from hwgen.ops.work import Attend
from hwgen.plan.model import Plan, Task
from hwgen.quant.model import QGraph, QNode

__all__ = ["append_lines", "attend_lines", "cached_nodes"]

_PORTS = 5
_SLOTS = "slots, sinks, first other slot, tokens, ring; counter"

Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Source:
    """Where a port of a task reads: an address, and whether codes are signed."""

    address: int
    signed: bool


def cached_nodes(plan: Plan) -> list[str]:
    """Return the nodes with a cache, in the order of their counters of tokens."""
    return list(dict.fromkeys(task.node for task in plan.tasks if task.appends))


def append_lines(plan: Plan, task: Task) -> Lines:
    """Return the initialiser of a ``hwgen::append_task``, line by line."""
    (source,) = task.reads
    address = plan.placement(source).address
    cache = plan.placement(task.appends).address
    reader = plan.task(task.node)
    assert reader.work.attend is not None
    return (
        (f"{address}, {cache},", "addresses: tensor, cache"),
        (f"{task.work.ports[0].row},", "elements of a row"),
        (_slots(plan, reader.work.attend, task.node), _SLOTS),
    )


def attend_lines(plan: Plan, qgraph: QGraph, task: Task, destination: str) -> Lines:
    """Return the initialiser of a ``hwgen::attend_task``, line by line.

    Parameters
    ----------
    destination
        Its ``hwgen::destination``.
    """
    node, attend = qgraph.node(task.node), task.work.attend
    assert attend is not None
    attrs = node.lowered.attrs
    sources = _sources(plan, qgraph, node, task)
    scores = [attrs.get(name, 0) for name in ("score_multiplier", "sink_multiplier", "score_shift")]
    return (
        (f"{attend.queries}, {attend.keys},", "queries, keys"),
        (f"{attend.heads}, {attend.kv_heads},", "query heads, key heads"),
        (f"{attend.inner}, {attend.features},", "elements of a key, of a value"),
        (f"{attend.tile}, {_bool(attend.transposed)},", "keys of a tile; transposed"),
        (f"{_bool(attend.causal)}, {attend.window}, {attend.sinks},", "causal, window, sinks"),
        (f"{_flags(attend)},", "cached, padded, queries for the sinks"),
        (f"{_array([str(source.address) for source in sources], '0')},", "inputs: addresses"),
        (f"{_array([_bool(source.signed) for source in sources], 'false')},", "signedness"),
        (f"{destination},", "output"),
        (f"{', '.join(map(str, scores))},", "scores: multiplier, of sinks, shift"),
        (f"{factor(node, 0).multiplier}, {scaling(node)},", "scaling"),
        (_slots(plan, attend, node.name), _SLOTS),
    )


def _sources(plan: Plan, qgraph: QGraph, node: QNode, task: Task) -> list[Source]:
    """Return where each port reads; a cache has the type of the input that it keeps."""
    return [
        Source(plan.placement(name).address, qgraph.tensor(read).type.signed)
        for name, read in zip(task.reads, node.inputs, strict=True)
    ]


def _slots(plan: Plan, attend: Attend, node: str) -> str:
    """Return a ``hwgen::slots``, and the index of the node's count of tokens."""
    rolls = _bool(attend.cached and attend.window > 0)
    numbers = (slots_of(attend), attend.sinks, ring_start(attend))
    counter = cached_nodes(plan).index(node) if attend.cached else 0
    return f"{{{', '.join(map(str, numbers))}, {attend.queries}, {rolls}}}, {counter}"


def _flags(attend: Attend) -> str:
    return ", ".join(_bool(flag) for flag in (attend.cached, attend.padded, attend.sink_queries))


def _array(values: list[str], fill: str) -> str:
    return "{" + ", ".join([*values, *[fill] * (_PORTS - len(values))]) + "}"


def _bool(value: bool) -> str:
    return "true" if value else "false"
