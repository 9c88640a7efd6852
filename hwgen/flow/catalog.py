"""What there is: ops, boards, tools, and the schema of a spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwgen.flow.result import Result

__all__ = [
    "BoardInfo",
    "BoardsResult",
    "DoctorResult",
    "Finding",
    "OpInfo",
    "OpsResult",
    "boards",
    "doctor",
    "ops",
    "schema",
]


@dataclass(frozen=True)
class OpInfo:
    """An op or a block: what it does, an example.

    Its ``keys`` are those of its layers besides ``name``, ``op`` and ``in``.
    """

    name: str
    summary: str
    keys: str
    example: str


@dataclass(frozen=True)
class OpsResult(Result):
    """All ops and blocks, sorted by name."""

    ops: tuple[OpInfo, ...]


@dataclass(frozen=True)
class BoardInfo:
    """A board.

    Parameters
    ----------
    device
        FPGA, package and speed grade.
    resources
        LUT4, flip-flops, multipliers and block RAMs of the device.
    clock_mhz
        Oscillator.
    link
        How tensors get there.
    """

    name: str
    title: str
    device: str
    resources: dict[str, int]
    clock_mhz: float
    link: str


@dataclass(frozen=True)
class BoardsResult(Result):
    """All boards, sorted by name."""

    boards: tuple[BoardInfo, ...]


@dataclass(frozen=True)
class Finding:
    """One tool: where it is, and the one command that mends it if it is not ``ok``.

    Parameters
    ----------
    needed_for
        The verbs that use it.
    required
        False if only some people need it (flashing, proofs).
    """

    tool: str
    version: str
    where: str
    needed_for: str
    ok: bool
    required: bool
    fix: str


@dataclass(frozen=True)
class DoctorResult(Result):
    """What hwgen found; ``ok`` if every required tool is there."""

    ok: bool
    findings: tuple[Finding, ...]


def ops() -> OpsResult:
    """Return the ops and blocks that a spec can use."""
    from hwgen.ops.registry import block_names, get_block, get_op, op_names

    found = []
    for name in sorted((*op_names(), *block_names())):
        op = get_block(name) if name in block_names() else get_op(name)
        keys = [
            f"{key}" if field.is_required() else f"[{key}]"
            for key, field in op.Params.model_fields.items()
        ]
        found.append(OpInfo(name, op.summary, " ".join(keys), op.example))
    return OpsResult(tuple(found))


def boards() -> BoardsResult:
    """Return the boards that hwgen knows."""
    from hwgen.board.load import list_boards

    return BoardsResult(
        tuple(
            BoardInfo(
                name=board.name,
                title=board.title,
                device=f"{board.family} {board.device} {board.package} -{board.speed}",
                resources=dict(board.resources.model_dump()),
                clock_mhz=board.clock.mhz,
                link=f"UART, {board.link.baud:,} baud",
            )
            for board in list_boards()
        )
    )


def doctor() -> DoctorResult:
    """Return which tools are there."""
    from hwgen import tools

    findings = tuple(
        Finding(f.tool, f.version, f.where, f.needed_for, f.ok, f.required, f.fix)
        for f in tools.doctor()
    )
    return DoctorResult(all(f.ok or not f.required for f in findings), findings)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec."""
    from hwgen.spec.schema import json_schema

    found: dict[str, Any] = json_schema()
    return found
