"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.ops.events import Events
from hwgen.plan.model import Plan, Span
from hwgen.quant.model import QGraph

__all__ = ["Area", "Measured", "ReportData"]


@dataclass(frozen=True)
class Measured:
    """What a simulation found.

    Parameters
    ----------
    ok
        Every value and every cycle was as predicted.
    vectors
        Tensors compared in all scenarios.
    latency, interval
        Simulated cycles, as :class:`hwgen.plan.model.Prediction` defines them; None if unknown.
    spans
        Activity of each task for the first tensor, from its trace; may be empty.
    counters
        Performance counters of the hardware by register name; may be empty.
    accuracy
        Share of correctly classified vectors, None without labels.
    seed
        Of vectors and stalls.
    """

    ok: bool
    vectors: int
    latency: int | None
    interval: int | None
    spans: tuple[Span, ...]
    counters: Mapping[str, int]
    accuracy: float | None
    seed: int


@dataclass(frozen=True)
class Area:
    """What a circuit takes of a device.

    Parameters
    ----------
    device
        Board or device it was made for.
    stage
        ``synthesised`` or ``routed``: which tool the figures are from.
    used, available
        Counts by kind of cell, in the order to show.
    fmax_mhz, clock_mhz
        Reached and wanted clock; None before routing.
    """

    device: str
    stage: str
    used: Mapping[str, int]
    available: Mapping[str, int]
    fmax_mhz: float | None
    clock_mhz: float | None


@dataclass(frozen=True)
class ReportData:
    """All that the page shows; what has not been run yet is None.

    Parameters
    ----------
    identity
        SHA-256 of the build.
    clock_mhz
        The spec's clock: turns cycles into time.
    sqnr
        dB per layer; empty if it was not measured.
    sqnr_source
        Which data the SQNR was measured on, and how many samples.
    events
        What the golden model counted on the same data, by layer: saturation, masked rows.
    accuracy
        Samples, floating-point and integer accuracy; None without labels.
    csim
        HLS C++ against the golden model: whether it agreed, and on how many tensors.
    tools
        Versions by name.
    """

    name: str
    identity: str
    version: str
    qgraph: QGraph
    plan: Plan
    clock_mhz: float
    sqnr: Mapping[str, float]
    sqnr_source: str
    events: Mapping[str, Events]
    accuracy: tuple[int, float, float] | None
    sim: Measured | None
    csim: tuple[bool, int] | None
    area: Area | None
    tools: Mapping[str, str]
