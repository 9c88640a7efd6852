"""The compiled testbench: clock, memories and stimulus inside the simulation.

A request and a response are files of little-endian 64-bit numbers and raw bytes; ``sim/harness/
main.cpp`` is the other side.  Request: magic, deadline, reset cycle or -1, sink mode, pattern
period, registers, spare cycles, register of the length, tokens of each tensor (none if all have one
length); per input its beats, the beats up to the end of each tensor, pattern and data; per output
its beats and pattern; magic.  Response: magic, status, output concerned, cycle; per input the
cycles of its transfers; per output the cycles, ``last`` bytes and data; the trace ports; the
registers.  A list is preceded by its length.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwgen.tools import run
from hwgen.verify.design import Bytes, Codes, pack, port_bytes, unpack
from hwgen.verify.run import Observation, Request, SinkRecord, TraceRecord
from hwgen.verify.scenario import PERIOD, patterns
from rtl_templates.control.registers import LENGTH

__all__ = ["run_native"]

_MAGIC = 0x32474E45475748
_SINK_MODES = {"free": 0, "random": 1, "late": 2}
_STATUS = ("done", "deadline", "valid_withdrawn", "beat_changed", "surplus")

# Cycles that a run goes on after its last output beat, to see beats that nobody asked for.
_SPARE_CYCLES = 16


def run_native(
    model: Path, request: Request, folder: Path, *, trace: bool = False, wave: Path | None = None
) -> Observation:
    """Run a compiled model.

    Parameters
    ----------
    model
        From :func:`hwgen.verify.model.build_native_model`.
    folder
        For the files that are exchanged and the log.
    trace
        Whether the model is of the traced variant.
    wave
        VCD file to write; the model must be built for it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = request.scenario.name
    asked, answered = folder / f"{name}.request", folder / f"{name}.response"
    asked.write_bytes(_encode(request))
    argv = [model, asked, answered, *([wave] if wave else [])]
    run(argv, cwd=folder, log=folder / f"{name}.log")
    observation = _decode(request, _Reader(answered.read_bytes()), trace)
    asked.unlink()
    answered.unlink()
    return observation


def _encode(request: Request) -> bytes:
    design, scenario = request.design, request.scenario
    willing = patterns(scenario, len(design.inputs), len(design.outputs))
    reset = -1 if scenario.reset_at is None else scenario.reset_at
    parts = [
        _numbers(_MAGIC, request.deadline, reset, _SINK_MODES[scenario.sink]),
        _numbers(PERIOD, design.words, _SPARE_CYCLES),
        _numbers(LENGTH, len(request.lengths), *request.lengths),
    ]
    for port, pattern in zip(design.inputs, willing, strict=False):
        codes = port.flat(request.inputs[port.name], request.lengths)
        data, ends = (
            pack(codes, port.lanes, port.bits),
            port.ends(scenario.tensors, request.lengths),
        )
        parts += [_numbers(len(data), len(ends), *ends), pattern.tobytes(), data.tobytes()]
    for sink, pattern in zip(design.outputs, willing[len(design.inputs) :], strict=True):
        beats = int(sink.ends(scenario.tensors, request.lengths)[-1])
        parts += [_numbers(beats), pattern.tobytes()]
    return b"".join([*parts, _numbers(_MAGIC)])


def _numbers(*values: int) -> bytes:
    return np.array(values, "<i8").tobytes()


class _Reader:
    """Walks through a response."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def raw(self, count: int) -> Bytes:
        piece = np.frombuffer(self._data, np.uint8, count, self._at)
        self._at += count
        return piece

    def number(self) -> int:
        return int(self.raw(8).view("<i8")[0])

    def numbers(self) -> Codes:
        return self.raw(8 * self.number()).view("<i8").astype(np.int64)


def _decode(request: Request, reader: _Reader, trace: bool) -> Observation:
    design = request.design
    if reader.number() != _MAGIC:
        raise ValueError("Response of another format")
    status, culprit, cycle = _STATUS[reader.number()], reader.number(), reader.number()
    sources = {port.name: reader.numbers() for port in design.inputs}
    sinks = {}
    for port in design.outputs:
        cycles = reader.numbers()
        last = reader.raw(cycles.size).astype(np.int64)
        beats = _beats(reader, cycles.size, port.lanes * port.bits)
        codes = unpack(beats, port.lanes, port.bits, port.signed)
        sinks[port.name] = SinkRecord(codes, cycles, last)
    traces = {}
    reader.number()
    for probe in design.traces if trace else ():
        cycles, indices = reader.numbers(), reader.numbers()
        beats = _beats(reader, cycles.size, probe.lanes * probe.bits)
        codes = unpack(beats, probe.lanes, probe.bits, probe.signed)
        traces[probe.task] = TraceRecord(cycles, indices, codes.reshape(-1, probe.lanes))
    registers = reader.numbers()
    counters = {name: int(registers[word]) for word, name in design.registers if registers.size}
    culprit_name = design.outputs[culprit].name
    return Observation(status, culprit_name, cycle, sources, sinks, traces, counters)


def _beats(reader: _Reader, count: int, width: int) -> Bytes:
    size = reader.number()
    if size != port_bytes(width):
        raise ValueError(f"A port has {size} bytes, {width} bits were expected")
    return reader.raw(count * size).reshape(count, size)
