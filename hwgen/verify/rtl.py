"""Simulate emitted Verilog against the golden model, in values, cycles and stream protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen import golden
from hwgen.emit.rtl import emit_verilog
from hwgen.errors import VerificationError
from hwgen.ops.arithmetic import Int
from hwgen.plan.cycles import predict_outputs
from hwgen.plan.model import Plan
from hwgen.quant.model import QGraph
from hwgen.verify.design import Design
from hwgen.verify.diagnose import (
    Mismatch,
    MismatchError,
    describe,
    first_in_outputs,
    first_in_traces,
)
from hwgen.verify.model import build_cocotb_model, build_native_model
from hwgen.verify.native import run_native
from hwgen.verify.run import Observation, Request
from hwgen.verify.scenario import Scenario, standard_scenarios
from hwgen.verify.testbench import run_cocotb

__all__ = ["RtlResult", "simulate_rtl", "verify_rtl"]

Emit = Callable[[bool], str]
Progress = Callable[[str], None]

_ERRORS = 0b11
"""Bits of the status register that are clear after a good run."""

_WHY = {
    "valid_withdrawn": "withdrew valid before the transfer",
    "beat_changed": "changed an offered beat before the transfer",
    "surplus": "sent a beat that nobody asked for",
}


@dataclass(frozen=True, eq=False)
class RtlResult:
    """What a simulation gave.

    Parameters
    ----------
    outputs
        Codes by output name, (tensors, *shape); equal to the golden model's.
    cycles
        For each tensor, cycles from the first input transfer of all to its last output
        transfer, both included.
    counters
        Registers by name at the end of the run.
    scenarios
        What was run, in words.
    vectors_per_second
        Tensors through the simulation per second of its run time, compilation not included.
    wave
        VCD file, if one was asked for.
    """

    outputs: Mapping[str, Int]
    cycles: tuple[int, ...]
    counters: Mapping[str, int]
    scenarios: tuple[str, ...]
    vectors_per_second: float
    wave: Path | None

    @property
    def latency(self) -> int:
        """Cycles of the first tensor."""
        return self.cycles[0]

    @property
    def interval(self) -> int | None:
        """Cycles between the last two tensors; None if there was only one."""
        return self.cycles[-1] - self.cycles[-2] if len(self.cycles) > 1 else None


def simulate_rtl(
    plan: Plan,
    qgraph: QGraph,
    inputs: Mapping[str, Int],
    folder: Path,
    *,
    runner: str = "cocotb",
    stalls: bool = False,
    seed: int = 1,
    wave: bool = False,
    progress: Progress | None = None,
    emit: Emit | None = None,
    optimise: int = 1,
    lengths: Sequence[int] = (),
) -> RtlResult:
    """Send tensors through the emitted top in one run and compare it with the golden model.

    Parameters
    ----------
    inputs
        Codes (tensors, *shape) by input name.
    folder
        For logs, waveforms and the testbench's files.
    runner
        ``cocotb``, or ``native``: the compiled testbench, without Python in the simulation.
    stalls
        Random stalls on all streams; without them the cycles must equal the prediction.
    seed
        Of the stalls.
    wave
        Also write a waveform (VCD, which GTKWave and Surfer open).
    progress
        Is told what begins.
    emit
        Gives the Verilog, from whether trace ports are wanted; by default it is emitted.
    optimise
        Level of the C++ compiler for the compiled testbench, 0 to 3: 0 compiles fastest, 2 pays
        for runs of many million cycles.
    lengths
        Tokens of each tensor, if they have several lengths; the longest by default.

    Raises
    ------
    VerificationError
        HG701 values differ, HG702 the run does not end, HG703 the stream protocol is broken,
        HG704 ``last`` is in the wrong place, HG705 cycles differ from the prediction, HG707 a
        register is wrong.
    ToolError
        HG8xx if a tool is missing or fails.
    """
    tensors = len(next(iter(inputs.values())))
    style = "random" if stalls else "free"
    scenario = Scenario("stalls" if stalls else "free", tensors, style, style, seed)
    check = _Check(plan, qgraph, inputs, folder, progress, emit, optimise, lengths)
    return check.run([scenario], runner, wave)


def verify_rtl(
    plan: Plan,
    qgraph: QGraph,
    inputs: Mapping[str, Int],
    folder: Path,
    *,
    runner: str = "cocotb",
    seed: int = 1,
    wave: bool = False,
    progress: Progress | None = None,
    emit: Emit | None = None,
    optimise: int = 1,
    lengths: Sequence[int] = (),
) -> RtlResult:
    """Run the standard scenarios and compare each with the golden model.

    All tensors without stalls (cycles equal the prediction), random stalls on both sides, two
    tensors back to back into a sink that waits for ``valid``, and a reset in mid-run.  The
    result is that of the first.  Parameters and errors as for :func:`simulate_rtl`.
    """
    tensors = len(next(iter(inputs.values())))
    check = _Check(plan, qgraph, inputs, folder, progress, emit, optimise, lengths)
    scenarios = standard_scenarios(tensors, plan.prediction.latency, seed)
    return check.run(scenarios, runner, wave)


class _Check:
    """One design, its stimulus and what must come out."""

    def __init__(
        self,
        plan: Plan,
        qgraph: QGraph,
        inputs: Mapping[str, Int],
        folder: Path,
        progress: Progress | None,
        emit: Emit | None,
        optimise: int,
        lengths: Sequence[int],
    ) -> None:
        tensors = len(next(iter(inputs.values())))
        self.lengths = tuple(lengths) or qgraph.lengths[:1] * tensors
        self.plan = plan
        self.qgraph = qgraph
        self.design: Design = describe(plan, qgraph)
        self.golden = golden.run(qgraph, inputs, lengths=self.lengths)
        self.stream = {name: golden.to_stream(codes) for name, codes in self.golden.items()}
        self.folder = folder
        self.optimise = optimise
        self.progress: Progress = progress or (lambda _: None)
        self.emit: Emit = emit or (
            lambda trace: emit_verilog(plan, qgraph, trace=trace, model=True)
        )
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, scenarios: Sequence[Scenario], runner: str, wave: bool) -> RtlResult:
        """Run the scenarios, the first of which gives the result."""
        if runner not in ("cocotb", "native"):
            raise ValueError(f"Runner must be 'cocotb' or 'native', not {runner!r}")
        requests = [self._request(scenario) for scenario in scenarios]
        run = self._run_cocotb if runner == "cocotb" else self._run_native
        observations, seconds = run(requests)
        for request, observation in zip(requests, observations, strict=True):
            self._check(request, observation)
        first = requests[0]
        path = self._record_wave(first)[1] if wave else None
        return self._result(requests, observations[0], seconds, path)

    def _request(self, scenario: Scenario) -> Request:
        names = [port.name for port in self.design.inputs]
        inputs = {name: self.stream[name][: scenario.tensors] for name in names}
        free = self.plan.prediction.latency + scenario.tensors * self.plan.prediction.interval
        # A stream is willing in a fifth of the cycles or more, and both sides may be so slow.
        factor = 2 if scenario.source == scenario.sink == "free" else 16
        deadline = factor * free + 2000 + (scenario.reset_at or 0)
        return Request(self.design, scenario, inputs, deadline, self.lengths[: scenario.tensors])

    # -- the two testbenches ------------------------------------------------------------------

    def _run_cocotb(self, requests: Sequence[Request]) -> tuple[list[Observation], float]:
        self.progress("compile the model")
        model = build_cocotb_model(self.emit(False), self.design.name)
        self.progress("simulate")
        began = time.perf_counter()
        observations = run_cocotb(model, requests, self.stream, self.folder)
        return observations, time.perf_counter() - began

    def _run_native(self, requests: Sequence[Request]) -> tuple[list[Observation], float]:
        self.progress("compile the model")
        ports = self.design.ports_def(trace=False)
        verilog = self.emit(False)
        model = build_native_model(verilog, self.design.name, ports, optimise=self.optimise)
        observations = []
        began = time.perf_counter()
        for request in requests:
            self.progress(f"simulate: {request.scenario.name}")
            observations.append(run_native(model, request, self.folder))
        return observations, time.perf_counter() - began

    def _record_wave(self, request: Request) -> tuple[Observation, Path]:
        """Run a request again on the traced variant; return what it gave and the waveform."""
        self.progress(f"record the waveform: {request.scenario.name}")
        ports = self.design.ports_def(trace=True)
        verilog, name = self.emit(True), self.design.name
        model = build_native_model(verilog, name, ports, wave=True, optimise=self.optimise)
        path = (self.folder / f"{request.scenario.name}.vcd").absolute()
        return run_native(model, request, self.folder, trace=True, wave=path), path

    # -- judging ------------------------------------------------------------------------------

    def _check(self, request: Request, observation: Observation) -> None:
        """Raise the error of a run that is not as it should be."""
        wrong = first_in_outputs(self.qgraph, self.design, self.golden, observation, self.lengths)
        if wrong is not None:
            traced, wave = self._record_wave(request)
            inside = self._first_inside(traced)
            raise MismatchError(inside or wrong, str(request.scenario), wave)
        name, scenario = observation.culprit, request.scenario
        if observation.status == "deadline":
            record = observation.sinks[name]
            raise self._failed(
                "HG702",
                f"output {name!r} stands still: {record.cycles.size} beats in "
                f"{observation.cycle} cycles",
                request,
            )
        if observation.status != "done":
            why = f"output {name!r} {_WHY[observation.status]}, cycle {observation.cycle}"
            raise self._failed("HG703", why, request)
        self._check_last(request, observation)
        if scenario.exact:
            self._check_cycles(request, observation)
        self._check_registers(request, observation)

    def _first_inside(self, traced: Observation) -> Mismatch | None:
        return first_in_traces(
            self.plan, self.qgraph, self.design, self.golden, traced, self.lengths
        )

    def _failed(self, code: str, message: str, request: Request) -> VerificationError:
        """Return the error of a run, with the first wrong value inside if there is one."""
        traced, wave = self._record_wave(request)
        inside = self._first_inside(traced)
        detail = f"; inside: {inside}" if inside else ""
        return VerificationError(
            code,
            f"{message}{detail}; run: {request.scenario}",
            hint=f"the waveform is {wave}: open it with gtkwave or surfer",
        )

    def _check_last(self, request: Request, observation: Observation) -> None:
        for port in self.design.outputs:
            record = observation.sinks[port.name]
            ends = port.ends(request.scenario.tensors, request.lengths)
            closes = np.isin(np.arange(record.last.size) + 1, ends)
            wrong = np.flatnonzero(record.last != closes)
            if wrong.size:
                beat = int(wrong[0])
                tensor = int(np.searchsorted(ends, beat, side="right"))
                first = int(ends[tensor - 1]) if tensor else 0
                message = (
                    f"output {port.name!r} has last = {int(record.last[beat])} in beat "
                    f"{beat - first} of {int(ends[tensor]) - first} of tensor {tensor}, "
                    f"cycle {int(record.cycles[beat])}"
                )
                raise self._failed("HG704", message, request)

    def _check_cycles(self, request: Request, observation: Observation) -> None:
        counts = {name: rows[:, 0].tolist() for name, rows in request.inputs.items()}
        tensors, lengths = request.scenario.tensors, request.lengths
        predicted = predict_outputs(self.plan, tensors, counts, lengths)
        for port in self.design.outputs:
            ends = observation.sinks[port.name].cycles[port.ends(tensors, lengths) - 1]
            simulated = (ends - observation.start).tolist()
            pairs = zip(predicted[port.name], simulated, strict=True)
            for tensor, (expected, got) in enumerate(pairs):
                # Exact on chip; external memory answers in its own time.
                slack = expected // 100 if self.plan.memory else 0
                if abs(expected - got) > slack:
                    message = (
                        f"output {port.name!r}: the last transfer of tensor {tensor} was predicted "
                        f"for cycle {expected} and came in cycle {got} after the first input"
                    )
                    raise self._failed("HG705", message, request)

    def _check_registers(self, request: Request, observation: Observation) -> None:
        # What attention reports in the upper bits of the status is no error.
        seen = {**observation.counters, "STATUS": observation.counters["STATUS"] & _ERRORS}
        expected = {"STATUS": 0, "TENSORS": request.scenario.tensors}
        for name, value in expected.items():
            if seen[name] != value:
                message = f"register {name} reads {observation.counters[name]}, not {value}"
                raise self._failed("HG707", message, request)

    def _result(
        self,
        requests: Sequence[Request],
        observation: Observation,
        seconds: float,
        wave: Path | None,
    ) -> RtlResult:
        outputs = {}
        for port in self.design.outputs:
            tensors, lengths = requests[0].scenario.tensors, requests[0].lengths
            codes = np.zeros((tensors, port.elements), np.int64)
            counts = np.arange(port.elements) < port.sizes(tensors, lengths)[:, None]
            codes[counts] = observation.sinks[port.name].codes
            shape = self.qgraph.tensor(port.name).shape
            outputs[port.name] = golden.from_stream(codes, shape)
        tensors = sum(request.scenario.tensors for request in requests)
        return RtlResult(
            outputs=outputs,
            cycles=tuple(observation.finished(self.design, requests[0].lengths).tolist()),
            counters=observation.counters,
            scenarios=tuple(str(request.scenario) for request in requests),
            vectors_per_second=tensors / seconds if seconds else 0.0,
            wave=wave,
        )
