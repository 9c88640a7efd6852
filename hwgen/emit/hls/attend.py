"""Tasks that multiply activations, and those that append to their caches, as C++ constants."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.emit.hls.scaling import factor, scaling
from hwgen.emit.hls.shared_points import SharedTables
from hwgen.ops.attention_keys import ring_start, slots_of
from hwgen.ops.work import Attend
from hwgen.plan.caches import holds_values, is_staged
from hwgen.plan.model import Plan, Task
from hwgen.quant.model import QGraph, QNode

__all__ = ["append_lines", "attend_lines", "cached_nodes", "pack_lines"]

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
    address = plan.placement(task.reads[0]).address
    cache = plan.placement(task.appends).address
    attend = plan.task(task.node).work.attend
    assert attend is not None
    sizes = "0, 0, 0, 0"
    if task.sizes:
        source, kept = plan.placement(task.reads[1]), plan.placement(task.sizes)
        pitch = kept.elements // attend.kv_heads
        sizes = f"{source.address}, {kept.address}, {attend.kv_heads}, {pitch}"
    return (
        (f"{address}, {cache},", "addresses: tensor, cache"),
        (f"{task.work.ports[0].row},", "elements of a row"),
        (f"{sizes},", "addresses of sizes: tensor, cache; of a row, of a head"),
        (_slots(plan, attend, task.node), _SLOTS),
    )


def pack_lines(plan: Plan, qgraph: QGraph, task: Task, tables: SharedTables) -> Lines:
    """Return the initialiser of a ``hwgen::pack_task``, line by line; means join ``tables``."""
    (source,) = task.reads
    reader = plan.task(task.node)
    attend = reader.work.attend
    assert attend is not None
    mean = -1
    if not holds_values(task.appends):
        codes = qgraph.node(task.node).lowered.constants["key_mean"]
        mean = tables.place("pack_means", task.name, codes)
    cache, sizes = plan.placement(task.appends), plan.placement(task.sizes)
    signed = _bool(qgraph.tensor(source).type.signed)
    return (
        (f"{plan.placement(source).address}, {signed},", "tensor: address, signedness"),
        (f"{cache.address}, {sizes.address},", "addresses: codes, sizes"),
        (f"{_bool(is_staged(task.appends))},", "codes of one tensor, not of a cache"),
        (f"{attend.kv_heads}, {task.work.channel.count},", "key heads, elements of each"),
        (f"{sizes.elements // attend.kv_heads}, {mean},", "sizes of a head; first mean"),
        (_slots(plan, attend, task.node), _SLOTS),
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
        (f"{_sizes(plan, attend, task)},", "four bits; addresses of sizes, sizes of a head"),
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
        for name, read in zip(task.reads, node.inputs, strict=False)  # sizes come behind
    ]


def _sizes(plan: Plan, attend: Attend, task: Task) -> str:
    if not attend.kv4:
        return "false, 0, 0, 0"
    keys, values = (plan.placement(name) for name in task.reads[-2:])
    pitch = keys.elements // attend.kv_heads
    return f"true, {keys.address}, {values.address}, {pitch}"


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
