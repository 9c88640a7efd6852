"""The engines of a sequential plan, each bound to the shared buffer and to its tasks' constants."""

from __future__ import annotations

from hwgen.emit.rtl.bound.array import BoundArray
from hwgen.emit.rtl.bound.base import Bound
from hwgen.emit.rtl.bound.mac import BoundMac
from hwgen.emit.rtl.bound.mac_array import BoundMacArray
from hwgen.emit.rtl.bound.memory import BoundMemory
from hwgen.emit.rtl.bound.pack import BoundPack
from hwgen.emit.rtl.bound.row import BoundRow
from hwgen.emit.rtl.bound.vector import BoundVector
from hwgen.plan.model import Engine, Plan
from hwgen.quant.model import QGraph

__all__ = ["Bound", "bind"]

_KINDS: dict[str, type[Bound]] = {
    "mac": BoundMac,
    "array": BoundArray,
    "mac_array": BoundMacArray,
    "row": BoundRow,
    "vector": BoundVector,
    "pack": BoundPack,
    "memory": BoundMemory,
}


def bind(plan: Plan, qgraph: QGraph, engine: Engine) -> Bound:
    """Return an engine of a sequential plan by the name of its template."""
    return _KINDS[engine.template](plan, qgraph, engine)
