"""What a testbench is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hwgen.verify.design import Codes, Design
from hwgen.verify.scenario import Scenario

__all__ = ["Observation", "Request", "SinkRecord", "TraceRecord"]


@dataclass(frozen=True, eq=False)
class Request:
    """One run of one design.

    Parameters
    ----------
    inputs
        Codes by input name in stream order, shape (tensors, elements); as many tensors as the
        scenario sends.
    deadline
        Cycles after which the run is given up.
    lengths
        Tokens of each tensor, if they have several lengths; what is beyond them is not sent.
    """

    design: Design
    scenario: Scenario
    inputs: Mapping[str, Codes]
    deadline: int
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class SinkRecord:
    """What one output stream delivered since the last reset.

    Parameters
    ----------
    codes
        Elements in stream order, all tensors one after the other.
    cycles
        Cycle of each beat's transfer, counted from the end of the reset.
    last
        ``tlast`` of each beat, 0 or 1.
    """

    codes: Codes
    cycles: Codes
    last: Codes


@dataclass(frozen=True, eq=False)
class TraceRecord:
    """The beats of results of one task: cycle, element index and codes (beats, lanes)."""

    cycles: Codes
    indices: Codes
    codes: Codes


@dataclass(frozen=True, eq=False)
class Observation:
    """What happened in a run.

    Parameters
    ----------
    status
        ``done``, ``deadline``, ``valid_withdrawn``, ``beat_changed`` or ``surplus``.
    culprit
        Output stream that the status is about.
    cycle
        Cycle in which the run ended.
    sources
        Cycle of each beat's transfer by input name.
    sinks
        By output name.
    traces
        By task, from the traced variant.
    counters
        Registers by name; empty unless ``status`` is ``done``.
    """

    status: str
    culprit: str
    cycle: int
    sources: Mapping[str, Codes]
    sinks: Mapping[str, SinkRecord]
    traces: Mapping[str, TraceRecord] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)

    @property
    def start(self) -> int:
        """Cycle of the first input transfer: cycle 0 of a prediction."""
        return min((int(cycles[0]) for cycles in self.sources.values() if cycles.size), default=0)

    def finished(self, design: Design, lengths: Sequence[int] = ()) -> Codes:
        """Return the cycles from the first input transfer to each tensor's last output transfer.

        Both included; one entry per tensor that left the accelerator completely.
        """
        ends = []
        for port in design.outputs:
            cycles = self.sinks[port.name].cycles
            tensors = len(lengths) or cycles.size // port.beats
            last = port.ends(tensors, lengths) - 1
            ends.append(cycles[last[last < cycles.size]])
        complete = min(end.size for end in ends)
        latest: Codes = np.max([end[:complete] for end in ends], axis=0)
        return latest - self.start + 1
