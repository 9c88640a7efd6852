"""The cocotb testbench: ``sim/benches/network.py`` on a compiled model."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.errors import ToolError, VerificationError
from hwgen.resources import data_root
from hwgen.tools import ToolFailedError, run
from hwgen.verify.design import Codes, Design, StreamPort, pack, port_bytes, unpack
from hwgen.verify.run import Observation, Request, SinkRecord
from hwgen.verify.scenario import patterns
from rtl_templates.control.registers import LENGTH

__all__ = ["run_cocotb", "simulator_env"]


def simulator_env(top: str, module: str, folder: Path) -> dict[str, str]:
    """Return the variables with which a model compiled for cocotb runs a bench.

    Parameters
    ----------
    top
        Top module of the model.
    module
        Bench, as an importable name.
    folder
        Receives ``results.xml``.
    """
    import cocotb_tools.config as config  # slow to import; only this testbench needs it
    import find_libpython

    library = find_libpython.find_libpython()
    if library is None:
        raise ToolError(
            "HG805",
            f"{sys.executable} has no shared libpython, which cocotb needs",
            hint="use a Python that was built with --enable-shared, such as the system's",
        )
    return {
        "COCOTB_TOPLEVEL": top,
        "COCOTB_TEST_MODULES": module,
        "COCOTB_RESULTS_FILE": str(folder / "results.xml"),
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "TOPLEVEL_LANG": "verilog",
        "GPI_USERS": f"{library};{config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(data_root()), *filter(None, sys.path)]),
    }


def run_cocotb(
    model: Path, requests: Sequence[Request], expected: Mapping[str, Codes], folder: Path
) -> list[Observation]:
    """Run several scenarios of one design in one simulation.

    Parameters
    ----------
    model
        From :func:`hwgen.verify.model.build_cocotb_model`.
    requests
        Of the same design; the inputs of each are a prefix of the longest one's.
    expected
        Golden codes by output name in stream order, (tensors, elements).
    folder
        For the files that are exchanged, the log and ``results.xml``.

    Raises
    ------
    ToolFailedError
        If the simulation ended without an observation of each scenario.
    VerificationError
        HG706 if the bench complains about a run that looks right from here.
    """
    design = requests[0].design
    results = folder / "observed"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    vectors, bench = folder / "vectors.npz", folder / "bench.json"
    np.savez(vectors, **_vectors(requests, expected))
    bench.write_text(json.dumps(_bench(requests, vectors, results), indent=1))
    env = {
        **simulator_env(design.name, "sim.benches.network", folder),
        "HWGEN_BENCH": str(bench),
    }
    failure = None
    try:
        run([model], cwd=folder, log=folder / "cocotb.log", env=env)
    except ToolFailedError as error:
        failure = error
    files = [results / f"{request.scenario.name}.npz" for request in requests]
    if not all(file.is_file() for file in files):
        raise failure or ToolError(
            "HG806",
            "The simulation ended without a result",
            hint=f"its output is in {folder / 'cocotb.log'}",
        )
    observations = [_observation(design, file) for file in files]
    if _failures(folder / "results.xml") and _all_right(requests, observations, expected):
        raise VerificationError(
            "HG706",
            "The testbench reports a failure that its observations do not show",
            hint=f"its output is in {folder / 'cocotb.log'}",
        )
    return observations


def _vectors(requests: Sequence[Request], expected: Mapping[str, Codes]) -> dict[str, Any]:
    design = requests[0].design
    longest = max(requests, key=lambda request: request.scenario.tensors)
    arrays: dict[str, Any] = {}
    for port in design.inputs:
        codes = port.flat(longest.inputs[port.name], longest.lengths)
        arrays[f"in_{port.name}"] = pack(codes, port.lanes, port.bits)
    for port in design.outputs:
        codes = port.flat(expected[port.name][: longest.scenario.tensors], longest.lengths)
        arrays[f"out_{port.name}"] = pack(codes, port.lanes, port.bits)
    for request in requests:
        scenario = request.scenario
        arrays[f"willing_{scenario.name}"] = patterns(
            scenario, len(design.inputs), len(design.outputs)
        )
    return arrays


def _bench(requests: Sequence[Request], vectors: Path, results: Path) -> dict[str, Any]:
    design = requests[0].design
    longest = max(requests, key=lambda request: request.scenario.tensors)

    def port(item: StreamPort) -> dict[str, Any]:
        return {
            "name": item.name,
            "ends": item.ends(longest.scenario.tensors, longest.lengths).tolist(),
            "bytes": port_bytes(item.lanes * item.bits),
        }

    return {
        "vectors": str(vectors),
        "results": str(results),
        "words": design.words,
        "length_word": LENGTH,
        "lengths": longest.lengths,
        "inputs": [port(item) for item in design.inputs],
        "outputs": [port(item) for item in design.outputs],
        "scenarios": [
            {**vars(request.scenario), "deadline": request.deadline} for request in requests
        ],
    }


def _observation(design: Design, file: Path) -> Observation:
    with np.load(file, allow_pickle=False) as data:
        status, culprit, cycle = (str(word) for word in data["end"])
        sinks = {}
        for port in design.outputs:
            beats = data[f"beats_{port.name}"]
            codes = unpack(beats, port.lanes, port.bits, port.signed)
            cycles, last = data[f"cycles_{port.name}"], data[f"last_{port.name}"]
            sinks[port.name] = SinkRecord(codes, cycles, last)
        registers = data["counters"]
        counters = {name: int(registers[word]) for word, name in design.registers if registers.size}
        sources = {port.name: data[f"source_{port.name}"] for port in design.inputs}
    return Observation(status, culprit, int(cycle), sources, sinks, {}, counters)


def _failures(results: Path) -> int:
    from cocotb_tools.check_results import get_results

    tests, failed = get_results(results) if results.is_file() else (0, 1)
    return int(failed) if tests else 1


def _all_right(
    requests: Sequence[Request],
    observations: Sequence[Observation],
    expected: Mapping[str, Codes],
) -> bool:
    for request, observation in zip(requests, observations, strict=True):
        if observation.status != "done":
            return False
        for port in request.design.outputs:
            record = observation.sinks[port.name]
            want = port.flat(expected[port.name][: request.scenario.tensors], request.lengths)
            ends = port.ends(request.scenario.tensors, request.lengths)
            closes = np.isin(np.arange(record.last.size) + 1, ends)
            if not np.array_equal(record.codes, want) or np.any(record.last != closes):
                return False
    return True
