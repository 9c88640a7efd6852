"""A stand-alone array core in Verilator, with the clock and its memories inside the simulation.

Request and response are files of little-endian 64-bit numbers; ``sim/harness/array.cpp`` is the
other side.  Request: lanes, bits of an element, elements of a beat of results, their bits, number
of runs; per run the fields of :class:`ArrayRun` in their order, results expected, deadline, cycle
of a reset or 0, and six operands, each preceded by its length.  Response, per run: cycle of the
last beat, steps, clamped logarithms; beats; changes of ``step``; cycles of reads.  Lists are
preceded by their length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.resources import data_dir
from hwgen.tools import run
from hwgen.verify.model import build_native_model

__all__ = ["ArrayRun", "ArrayTrace", "build_array", "run_array"]

Codes = npt.NDArray[np.int64]
_OPERANDS = 6


@dataclass(frozen=True)
class ArrayRun:
    """One task on the array.

    Parameters
    ----------
    operands
        Codes in memory order, by number of operand: columns, queries for sinks, sizes of keys and
        of values, rows, values.
    results
        Elements of the output tensor.
    latency
        Cycles that the memory answers later than one on chip.
    pauses
        Percentage of cycles in which the memory does not listen, or answer.
    reset_at
        Cycle in which to reset and begin again; 0: none.
    """

    task: int
    operands: dict[int, Codes]
    results: int
    seen: int = 0
    slot: int = 0
    length: int = 0
    latency: int = 0
    pauses: int = 0
    seed: int = 1
    deadline: int = 1_000_000
    reset_at: int = 0


@dataclass(frozen=True)
class ArrayTrace:
    """What a run did; cycle 0 is that of the start.

    Parameters
    ----------
    results
        The output tensor; elements that were not written are ``2**31``.
    masked
        Elements whose query sees no key.
    last_beat
        Cycle of the last beat.
    beats
        Cycle of each beat.
    working
        Pairs of cycles between which, the second one excluded, the array multiplies.
    reads
        Cycle of each beat that was asked for.
    clamped
        Logarithms that were clamped.
    """

    results: Codes
    masked: npt.NDArray[np.bool_]
    last_beat: int
    beats: Codes
    working: Codes
    reads: Codes
    clamped: int

    @property
    def steps(self) -> int:
        """Cycles in which the array multiplies."""
        return int((self.working[:, 1] - self.working[:, 0]).sum())


def build_array(verilog: str, top: str, *, optimise: int = 1) -> Path:
    """Return the executable simulation of an emitted ``ArrayCore``."""
    main = data_dir("sim") / "harness" / "array.cpp"
    return build_native_model(verilog, top, "", optimise=optimise, main=main)


def run_array(model: Path, shape: Any, runs: Sequence[ArrayRun], folder: Path) -> list[ArrayTrace]:
    """Run tasks one after the other.

    Parameters
    ----------
    shape
        ``rtl_templates.systolic.task.ArrayShape``.
    """
    numbers = [shape.lanes, shape.data_bits, shape.beat, shape.out_bits, len(runs)]
    parts = [np.array(numbers, "<i8")]
    for item in runs:
        fields = (item.task, item.seen, item.slot, item.length, item.latency, item.pauses)
        more = (item.seed, item.results, item.deadline, item.reset_at)
        parts.append(np.array([*fields, *more], "<i8"))
        for k in range(_OPERANDS):
            codes = item.operands.get(k, np.zeros(0, np.int64)).ravel()
            parts += [np.array([codes.size], "<i8"), codes.astype("<i8")]
    asked, answered = folder / "array.request", folder / "array.response"
    asked.write_bytes(b"".join(part.tobytes() for part in parts))
    run([model, asked, answered], cwd=folder, log=folder / "array.log")
    reader = _Reader(np.frombuffer(answered.read_bytes(), "<i8").astype(np.int64))
    return [_trace(reader, item, shape.beat) for item in runs]


class _Reader:
    def __init__(self, numbers: Codes) -> None:
        self._numbers = numbers
        self._at = 0

    def take(self, count: int) -> Codes:
        piece = self._numbers[self._at : self._at + count]
        self._at += count
        return piece

    def listed(self) -> Codes:
        return self.take(int(self.take(1)[0]))


def _trace(reader: _Reader, item: ArrayRun, lanes: int) -> ArrayTrace:
    last, steps, clamped = (int(number) for number in reader.take(3))
    beats = reader.listed().reshape(-1, 3 + lanes)
    changes, reads = reader.listed(), reader.listed()
    if changes.size % 2:
        changes = np.append(changes, last + 1)
    results = np.full(item.results, 1 << 31, np.int64)
    masked = np.zeros(item.results, bool)
    places = beats[:, 1, None] + np.arange(lanes)
    results[places] = beats[:, 3:]
    masked[places] = beats[:, 2, None].astype(bool)
    trace = ArrayTrace(results, masked, last, beats[:, 0], changes.reshape(-1, 2), reads, clamped)
    assert trace.steps == steps
    return trace
