"""What the verbs return: frozen values that a program can read and ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flow.quality import Quality
from hwgen.plan.model import StreamFigures
from hwgen.serialize import to_json

__all__ = ["BuildResult", "CheckResult", "PlanFigures", "Result"]


@dataclass(frozen=True)
class Result:
    """Base of all results."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON data."""
        data: dict[str, Any] = to_json(self)
        return data


@dataclass(frozen=True)
class PlanFigures:
    """What the plan predicts.

    Parameters
    ----------
    multipliers
        Multipliers that the engines have.
    latency
        Cycles from the first input transfer to the last output transfer of one tensor.
    interval
        Cycles between results of successive tensors.
    utilisation
        Useful multiplications per multiplier and cycle in steady state, 0 to 1.
    stream
        Latency in samples and state of a network in a stream.
    """

    schedule: str
    multipliers: int
    latency: int
    interval: int
    utilisation: float
    stream: StreamFigures | None = None


@dataclass(frozen=True)
class CheckResult(Result):
    """A spec without mistakes.

    Parameters
    ----------
    layers
        Layers of the graph.
    weights
        Weights and biases, elements.
    """

    spec: Path
    name: str
    layers: int
    weights: int
    plan: PlanFigures


@dataclass(frozen=True)
class BuildResult(Result):
    """A build.

    Parameters
    ----------
    folder
        Where it is.
    identity
        SHA-256 of qgraph and plan; its low 32 bits are the ``ID`` register.
    quality
        How near the integers come to the floating-point graph, on the spec's data.
    notes
        What the user should know about the types, in sentences: data that show no range, sums
        that wrap, blocks of 4 bits.
    ran, reused
        Stages that ran, and stages whose result was taken from the previous build.
    files
        The files for the next tool, by what they are: ``verilog``, ``hls``, ``plan``, ``report``.
    """

    folder: Path
    name: str
    identity: str
    plan: PlanFigures
    quality: Quality
    notes: tuple[str, ...]
    ran: tuple[str, ...]
    reused: tuple[str, ...]
    files: Mapping[str, Path]
