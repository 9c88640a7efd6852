"""The accelerator component of a plan."""

from __future__ import annotations

from hwgen.emit.rtl.accelerator import Accelerator
from hwgen.emit.rtl.dataflow import DataflowAccelerator
from hwgen.emit.rtl.sequential import SequentialAccelerator
from hwgen.plan.model import Plan
from hwgen.quant.model import QGraph

__all__ = ["build_top"]


def build_top(plan: Plan, qgraph: QGraph, *, trace: bool = False, identity: int = 0) -> Accelerator:
    """Return the accelerator as an Amaranth component.

    Parameters
    ----------
    trace, identity
        See :class:`Accelerator`.
    """
    kind = DataflowAccelerator if plan.schedule == "dataflow" else SequentialAccelerator
    return kind(plan, qgraph, trace=trace, identity=identity)
