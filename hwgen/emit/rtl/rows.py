"""From nodes that look at whole rows to the constants of a row engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hwgen.ops.types import QType, Requant
from hwgen.ops.work import Work
from hwgen.plan.timing import ROW_PERIODS
from hwgen.quant.model import QNode
from rtl_templates.arith.codes import Codes
from rtl_templates.arith.requantize import Scale
from rtl_templates.memory.walk import Walk
from rtl_templates.row.hadamard_core import HadamardCore, HadamardTask
from rtl_templates.row.norm_core import NormCore, NormTask
from rtl_templates.row.row_core import RowShape
from rtl_templates.row.row_engine import row_walk
from rtl_templates.row.softmax_core import SoftmaxCore, SoftmaxTask

__all__ = ["ROW_CORES", "hadamard_core", "norm_core", "softmax_core", "walk_of_rows"]


def walk_of_rows(work: Work, lanes: int) -> Walk:
    """Return the walk of a task on whole rows: a group is a row."""
    period = ROW_PERIODS[work.kind]
    walk: Walk = row_walk(work.row.count, work.channel.count, lanes=lanes, period=period)
    return walk


def norm_core(
    nodes: list[QNode], types: list[QType], *, lanes: int, x_bits: int, out_bits: int
) -> NormCore:
    """Return the core of nodes with ``norm`` work; ``types`` are those of their inputs."""
    tasks = []
    for node, kind in zip(nodes, types, strict=True):
        attrs, constants = node.lowered.attrs, node.lowered.constants
        tasks.append(
            NormTask(
                x=Codes(kind.bits, kind.signed),
                zero=attrs["zero"],
                features=attrs["features"],
                centered=attrs["centered"],
                epsilon=attrs["epsilon"],
                scale=_scale(_requant(node)),
                gains=tuple(constants["gain"].tolist()),
                addends=tuple(constants["addend"].tolist()),
            )
        )
    return NormCore(RowShape(lanes=lanes, x_bits=x_bits, out_bits=out_bits), tasks)


def softmax_core(
    nodes: list[QNode], types: list[QType], *, lanes: int, x_bits: int, out_bits: int
) -> SoftmaxCore:
    """Return the core of nodes with ``softmax`` work; ``types`` are those of their inputs."""
    tasks = []
    for node, kind in zip(nodes, types, strict=True):
        attrs, requant = node.lowered.attrs, _requant(node)
        tasks.append(
            SoftmaxTask(
                x=Codes(kind.bits, kind.signed),
                zero=attrs["zero"],
                features=attrs["features"],
                log=(attrs["log_multiplier"], attrs["log_shift"]),
                multiplier=int(requant.multiplier[0]),
                scale=_scale(requant),
            )
        )
    return SoftmaxCore(RowShape(lanes=lanes, x_bits=x_bits, out_bits=out_bits), tasks)


def hadamard_core(
    nodes: list[QNode], types: list[QType], *, lanes: int, x_bits: int, out_bits: int
) -> HadamardCore:
    """Return the core of nodes with ``hadamard`` work; ``types`` are those of their inputs."""
    tasks = []
    for node, kind in zip(nodes, types, strict=True):
        requant = _requant(node)
        tasks.append(
            HadamardTask(
                x=Codes(kind.bits, kind.signed),
                zero=node.lowered.attrs["zero"],
                signs=tuple(node.lowered.constants["sign"].tolist()),
                multiplier=int(requant.multiplier[0]),
                scale=_scale(requant),
            )
        )
    return HadamardCore(RowShape(lanes=lanes, x_bits=x_bits, out_bits=out_bits), tasks)


ROW_CORES: dict[str, Callable[..., Any]] = {
    "norm": norm_core,
    "softmax": softmax_core,
    "hadamard": hadamard_core,
}
"""What makes the core, by kind of work."""


def _requant(node: QNode) -> Requant:
    assert node.lowered.requant is not None, f"{node.name} has no requantisation"
    return node.lowered.requant


def _scale(requant: Requant) -> Scale:
    return Scale(requant.shift, requant.zero_point, requant.low, requant.high)
