"""The caches of attention in a sequential plan: placements that outlive a tensor.

A cached attention node keeps its keys in the placement ``<node>.k`` and its values in ``<node>.v``,
a row of all key heads per slot.  A task of its own appends the rows of each tensor to each.
4-bit codes lie two in an element, and the sizes of their rows in ``<node>.ks`` and ``<node>.vs``,
slot by slot for each key head, so that those of a tile are neighbours.  On their way to external
memory the codes of a tensor lie in ``<node>.kp`` and ``<node>.vp``, its sizes, token by token, in
``<node>.ksp`` and ``<node>.vsp``.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.ops.attention_keys import ring_start
from hwgen.ops.registry import get_op
from hwgen.ops.types import QType
from hwgen.ops.work import Attend
from hwgen.plan.model import Plan
from hwgen.quant.model import QGraph, QNode, QTensor

__all__ = [
    "CACHED",
    "Ring",
    "cache_of",
    "caches_of",
    "holds_values",
    "is_staged",
    "ring_of",
    "sizes_of",
    "staged_of",
    "stored",
    "tokens_of",
]

CACHED = {"k": 1, "v": 2}
"""Suffix of a cache's placement, and which input of the node it holds."""

_BYTE = QType(8, False, 1.0)


@dataclass(frozen=True)
class Ring:
    """The slots of a cache, and how they are filled.

    Parameters
    ----------
    slots
        Rows of the cache.
    pinned
        First rows, which keep their keys once they are there.
    start
        Slot after the last one, and after the pinned ones: those in between stay empty.
    restarts
        Whether a cache without room for a tensor is emptied; else the oldest rows are overwritten.
    most
        So many tokens, and all larger numbers, are the same to every query.
    """

    slots: int
    pinned: int
    start: int
    restarts: bool
    most: int

    def seen(self, before: int, tokens: int) -> int:
        """Return what a tensor of ``tokens`` finds, given what was there after the one before."""
        return 0 if self.restarts and before + tokens > self.slots else before

    def after(self, seen: int, tokens: int) -> int:
        """Return the tokens in the cache after a tensor that found ``seen``, at most ``most``."""
        return min(seen + tokens, self.most)

    def unchanged(self, came: int, tokens: int) -> int:
        """Return the first slot that a tensor of ``tokens`` changes, when ``came`` came before it.

        Of a cache that restarts, those since it did.
        """
        if self.restarts or came < self.pinned:
            return came
        slot = (came - self.pinned) % (self.slots - self.start)
        return self.start + (0 if slot + tokens > self.slots - self.start else slot)

    def fullest(self, tokens: int) -> int:
        """Return the most that tensors of ``tokens`` tokens find."""
        return (self.slots // tokens - 1) * tokens if self.restarts else self.most


def cache_of(node: str, suffix: str) -> str:
    """Return the name of a placement; no tensor has such a name."""
    return f"{node}.{suffix}"


def caches_of(qgraph: QGraph, node: QNode) -> tuple[QTensor, ...]:
    """Return the caches of a node as tensors, in the order of ``CACHED``; none without a cache."""
    attend = _attend(qgraph, node)
    if attend is None or not attend.cached:
        return ()
    caches = []
    for suffix, port in CACHED.items():
        row = qgraph.tensor(node.inputs[port])
        shape, kind = (attend.keys, row.shape[-1]), row.type
        if attend.kv4:
            shape, kind = (attend.keys, row.shape[-1] // 2), _BYTE  # two codes in each
        caches.append(QTensor(cache_of(node.name, suffix), shape, kind))
    return tuple(caches)


def sizes_of(qgraph: QGraph, node: QNode) -> tuple[QTensor, ...]:
    """Return the sizes beside the caches of a node, in their order; none without 4-bit codes."""
    attend = _attend(qgraph, node)
    if attend is None or not attend.kv4:
        return ()
    shape = (attend.kv_heads, -(-attend.keys // attend.tile) * attend.tile)
    return tuple(QTensor(cache_of(node.name, f"{suffix}s"), shape, _BYTE) for suffix in CACHED)


def staged_of(qgraph: QGraph, node: QNode) -> tuple[QTensor, ...]:
    """Return where one tensor's 4-bit codes, then its sizes, wait for external memory.

    Both in the caches' order.
    """
    attend = _attend(qgraph, node)
    if attend is None or not (attend.kv4 and attend.external):
        return ()
    codes = [(cache, cache.shape[-1]) for cache in caches_of(qgraph, node)]
    sizes = [(cache, attend.kv_heads) for cache in sizes_of(qgraph, node)]
    return tuple(
        QTensor(f"{cache.name}p", (attend.queries, row), cache.type) for cache, row in codes + sizes
    )


def is_staged(name: str) -> bool:
    """Return whether a placement is one of :func:`staged_of`."""
    return "." in name and name.endswith("p")


def holds_values(name: str) -> bool:
    """Return whether a cache, or what waits for it, holds values; else keys."""
    return name.rpartition(".")[2].startswith("v")


def ring_of(attend: Attend) -> Ring:
    """Return how the caches of cached attention are filled."""
    assert attend.cached, "there is no cache"
    if not attend.window:
        return Ring(attend.keys, 0, 0, restarts=True, most=attend.keys)
    return Ring(
        slots=attend.keys,
        pinned=attend.sinks,
        start=ring_start(attend),
        restarts=False,
        most=attend.keys - ring_start(attend) + attend.sinks,
    )


def stored(qgraph: QGraph, name: str) -> QTensor:
    """Return what lies in a placement: a tensor of the qgraph, or a cache."""
    node, dot, _ = name.rpartition(".")
    if not dot:
        return qgraph.tensor(name)
    of_node = qgraph.node(node)
    kept = (
        *caches_of(qgraph, of_node),
        *sizes_of(qgraph, of_node),
        *staged_of(qgraph, of_node),
    )
    return next(cache for cache in kept if cache.name == name)


def tokens_of(plan: Plan, node: str) -> tuple[int, ...]:
    """Return the tokens that a tensor brings to a node's cache, for each length."""
    attends = [variant.task(node).work.attend for variant in plan.variants]
    return tuple(attend.queries for attend in attends if attend is not None)


def _attend(qgraph: QGraph, node: QNode) -> Attend | None:
    if node.op != "attention":
        return None
    inputs = [qgraph.tensor(name) for name in node.inputs]
    shapes = [tensor.shape for tensor in inputs]
    return get_op(node.op).work(node.lowered, shapes, [tensor.type for tensor in inputs]).attend
