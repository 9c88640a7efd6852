"""Build, then run the hardware's RTL or its C++ against the golden model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.errors import VerificationError
from hwgen.flow.builder import Build, Notify, opened
from hwgen.flow.folder import write_errors, write_text
from hwgen.flow.quality import classes
from hwgen.flow.reporting import CSIM, SIM, write_report
from hwgen.flow.result import Result
from hwgen.flow.tracing import Traced, trace_run
from hwgen.flow.vectors import Vectors, choose_vectors
from hwgen.ops.arithmetic import Int
from hwgen.plan import Plan, predict
from hwgen.report import Measured
from hwgen.serialize import dumps

__all__ = ["CsimResult", "SimResult", "csim", "sim"]

StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Cycles:
    """Latency of the first tensor, and interval between the last two, in cycles.

    The interval is None if there was only one tensor.
    """

    latency: int
    interval: int | None


@dataclass(frozen=True)
class SimResult(Result):
    """A simulation that agreed with the golden model and the prediction.

    Parameters
    ----------
    folder
        The build; logs and waveforms are in its ``sim``.
    vectors, seed
        How many tensors were sent, and the seed that chose them and the stalls.
    runner
        ``cocotb`` or ``native``.
    scenarios
        What was run, in words.
    predicted, simulated
        Without stalls.
    utilisation
        Multiplications per multiplier and cycle between the last two results, 0 to 1; None
        if there was only one tensor.
    accuracy
        Share of correctly classified vectors, 0 to 1; None without labels.
    vectors_per_second
        Through the simulation, compilation not included.
    wave
        VCD file, if one was asked for.
    outputs
        Codes by output name, (vectors, *shape).
    """

    folder: Path
    name: str
    vectors: int
    seed: int
    runner: str
    scenarios: tuple[str, ...]
    predicted: Cycles
    simulated: Cycles
    utilisation: float | None
    accuracy: float | None
    vectors_per_second: float
    wave: Path | None
    outputs: Mapping[str, Int]

    def trace(self) -> dict[str, Int]:
        """Return every intermediate tensor that the hardware computed, by layer.

        Codes (vectors, *shape) in graph order, read from the trace ports of the traced variant
        of the RTL.
        """
        with np.load(self.folder / "sim" / "trace.npz", allow_pickle=False) as file:
            return dict(file)


@dataclass(frozen=True)
class CsimResult(Result):
    """A run of the HLS C++ that agreed with the golden model.

    Parameters
    ----------
    folder
        The build; the log is in its ``csim``.
    accuracy
        Share of correctly classified vectors, 0 to 1; None without labels.
    outputs
        Codes by output name, (vectors, *shape).
    """

    folder: Path
    name: str
    vectors: int
    seed: int
    accuracy: float | None
    outputs: Mapping[str, Int]


def sim(
    spec: StrPath,
    output: StrPath | None = None,
    *,
    vectors: int | None = None,
    seed: int | None = None,
    wave: bool = False,
    runner: str = "cocotb",
    allow_path: bool = False,
    progress: Notify | None = None,
) -> SimResult:
    """Build, then simulate the RTL against the golden model.

    Four scenarios are run: free-running (its cycles must equal the prediction), random stalls on
    all streams, two tensors back to back, and a reset in mid-run.

    Parameters
    ----------
    vectors, seed
        How many tensors, and the seed that chooses them and the stalls; by default what the
        spec says.
    wave
        Also write a waveform (VCD).
    runner
        ``cocotb``, or ``native``: the compiled testbench, faster for many vectors.
    spec, output, allow_path, progress
        See :func:`hwgen.flow.build`.

    Raises
    ------
    VerificationError
        RTL and golden model or predicted and simulated cycles differ; says where.
    ToolError
        A tool is missing or fails.
    """
    with opened(spec, output, allow_path=allow_path, progress=progress) as made:
        chosen = choose_vectors(made.front.spec, made.front.qgraph, vectors, seed)
        seed = made.front.spec.verify.seed if seed is None else seed
        with write_errors(made.folder):
            return _sim(made, chosen, seed, wave, runner, progress or (lambda _: None))


def _sim(
    made: Build, chosen: Vectors, seed: int, wave: bool, runner: str, progress: Notify
) -> SimResult:
    from hwgen.verify.rtl import verify_rtl

    plan, qgraph = made.front.plan, made.front.qgraph
    folder, emit = made.folder / "sim", _emitted(made)
    folder.mkdir(exist_ok=True)
    (made.folder / SIM).unlink(missing_ok=True)
    try:
        found = verify_rtl(
            plan,
            qgraph,
            chosen.inputs,
            folder,
            runner=runner,
            seed=seed,
            wave=wave,
            progress=progress,
            emit=emit,
            lengths=chosen.lengths,
        )
    except VerificationError:
        failed = Measured(False, chosen.count, None, None, (), {}, None, seed)
        write_text(made.folder / SIM, dumps(failed))
        write_report(made.folder, made.front, made.manifest)
        raise
    traced = trace_run(plan, qgraph, chosen.inputs, folder, emit, progress, chosen.lengths)
    np.savez(folder / "trace.npz", **traced.tensors)  # type: ignore[arg-type]
    accuracy = _accuracy(found.outputs[qgraph.outputs[0]], chosen.labels)
    _keep(made, chosen, seed, traced, found, accuracy)
    last = plan.at(chosen.lengths[-1]) if chosen.lengths else plan
    useful = sum(task.useful for task in last.tasks)
    room = plan.multipliers * (found.interval or 0)
    return SimResult(
        folder=made.folder,
        name=made.manifest.name,
        vectors=chosen.count,
        seed=seed,
        runner=runner,
        scenarios=found.scenarios,
        predicted=_predicted(plan, chosen),
        simulated=Cycles(found.latency, found.interval),
        utilisation=useful / room if room else None,
        accuracy=accuracy,
        vectors_per_second=found.vectors_per_second,
        wave=found.wave,
        outputs=found.outputs,
    )


def _predicted(plan: Plan, chosen: Vectors) -> Cycles:
    """Return the cycles of these tensors; those of attention depend on what came before."""
    steady, tensors = plan.prediction, chosen.count
    if plan.schedule == "dataflow":
        return Cycles(steady.latency, steady.interval)
    inputs = chosen.inputs.items()
    counts = {name: codes.reshape(tensors, -1)[:, 0].tolist() for name, codes in inputs}
    ends = predict(plan, tensors, counts, chosen.lengths)
    return Cycles(ends[0] + 1, ends[-1] - ends[-2] if tensors > 1 else steady.interval)


def _keep(
    made: Build, chosen: Vectors, seed: int, traced: Traced, found: Any, accuracy: float | None
) -> None:
    """Leave the figures in the build, for its report."""
    measured = Measured(
        ok=True,
        vectors=chosen.count,
        latency=found.latency,
        interval=found.interval,
        spans=traced.spans,
        counters=found.counters,
        accuracy=accuracy,
        seed=seed,
    )
    write_text(made.folder / SIM, dumps(measured))
    write_report(made.folder, made.front, made.manifest)


def csim(
    spec: StrPath,
    output: StrPath | None = None,
    *,
    vectors: int | None = None,
    seed: int | None = None,
    allow_path: bool = False,
    progress: Notify | None = None,
) -> CsimResult:
    """Build, then compile the HLS C++ with the host's compiler and run it.

    Parameters are those of :func:`sim`.

    Raises
    ------
    VerificationError
        C++ and golden model differ; says where.
    ToolError
        The compiler is missing or fails.
    """
    with opened(spec, output, allow_path=allow_path, progress=progress) as made:
        from hwgen.verify.hls import check_hls

        front = made.front
        chosen = choose_vectors(front.spec, front.qgraph, vectors, seed)
        seed = front.spec.verify.seed if seed is None else seed
        with write_errors(made.folder):
            (made.folder / CSIM).unlink(missing_ok=True)
            (made.folder / "csim").mkdir(exist_ok=True)
            try:
                outputs = check_hls(
                    made.folder / "hls",
                    front.qgraph,
                    chosen.inputs,
                    work=made.folder / "csim",
                    lengths=chosen.lengths,
                )
            except VerificationError:
                _keep_csim(made, False, chosen.count)
                raise
            _keep_csim(made, True, chosen.count)
            return CsimResult(
                folder=made.folder,
                name=made.manifest.name,
                vectors=chosen.count,
                seed=seed,
                accuracy=_accuracy(outputs[front.qgraph.outputs[0]], chosen.labels),
                outputs=outputs,
            )


def _keep_csim(made: Build, ok: bool, vectors: int) -> None:
    write_text(made.folder / CSIM, dumps({"ok": ok, "vectors": vectors}))
    write_report(made.folder, made.front, made.manifest)


def _emitted(made: Build) -> Callable[[bool], str]:
    """Return what reads the Verilog of the build, given whether trace ports are wanted.

    Of a design with external memory it is the variant with a model of the memory.
    """
    plain = "" if made.front.plan.memory is None else "_memory"

    def read(trace: bool) -> str:
        name = f"{made.manifest.name}{'_trace' if trace else plain}.v"
        return (made.folder / "rtl" / name).read_text(encoding="utf-8")

    return read


def _accuracy(output: Int, labels: Int | None) -> float | None:
    return None if labels is None else float(np.mean(classes(output) == labels))
