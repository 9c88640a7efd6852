"""The HLS C++ on this machine: compiled, run, and compared with the golden model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hwgen.errors import VerificationError
from hwgen.golden import Difference, first_difference, from_stream, to_stream
from hwgen.golden import run as run_golden
from hwgen.ops.arithmetic import Int
from hwgen.quant.lengths import blank
from hwgen.quant.model import QGraph
from hwgen.tools import ToolFailedError, find_compiler, run
from hwgen.verify.cache import cached, content_key

__all__ = ["check_hls", "simulate_hls"]

_FLAGS = ("-std=c++17", "-O1", "-Wno-unknown-pragmas", "-Iinclude")
_SHIM = ("-DHWGEN_USE_SHIM",)
_SOURCES = ("top.cpp", "main.cpp")
_FAULT = 3
"""Exit status of the program when the design itself reports a fault."""


def simulate_hls(
    folder: Path,
    qgraph: QGraph,
    inputs: Mapping[str, Int],
    *,
    work: Path | None = None,
    trace: bool = False,
    vendor: Path | None = None,
    lengths: Sequence[int] = (),
) -> dict[str, Int]:
    """Run an emitted C++ project over all samples, in one process.

    The program is compiled once for the same sources, compiler and types.

    Parameters
    ----------
    folder
        What :func:`hwgen.emit.hls.emit` wrote.
    inputs
        Codes (n, *shape) by input name.
    work
        Folder for the vectors (``<tensor>.bin``, ``<tensor>.out.bin``) and the log; a temporary
        one by default.
    trace
        Return every node's tensor, not only the outputs; slower.
    vendor
        Folder with the vendor's ``ap_int.h`` and ``hls_stream.h``, instead of the shim.
    lengths
        Tokens of each tensor, if they have several lengths; the longest by default.

    Returns
    -------
    dict
        Codes (n, *shape) by tensor name.

    Raises
    ------
    ToolError
        HG801 if there is no compiler, HG802 if it fails.
    VerificationError
        HG722 if the design reports a fault: a buffer that is too small, a stream read while
        empty.
    """
    program = _program(folder, trace, vendor)
    with _folder(work) as home:
        for name in qgraph.outputs:  # the program compares with golden files that it finds
            (home / f"{name}.golden.bin").unlink(missing_ok=True)
        for item in qgraph.inputs:
            _write(home / f"{item.name}.bin", inputs[item.name])
        tensors = len(next(iter(inputs.values())))
        tokens = np.array(tuple(lengths) or qgraph.lengths[:1] * tensors, np.int64)
        if qgraph.lengths:
            _write(home / "lengths.bin", tokens)
        traces = {node.name: home / f"trace_{node.name}.bin" for node in qgraph.nodes}
        for path in traces.values():  # the program appends
            path.unlink(missing_ok=True)
        try:
            run([program, home], cwd=home, log=home / "csim.log")
        except ToolFailedError as error:
            if error.returncode != _FAULT:
                raise
            raise VerificationError(
                "HG722",
                f"the HLS C++ of {qgraph.name} stopped: {error.output.strip()}",
                hint=f"the plan and the C++ in {folder} do not agree: this is a fault of hwgen",
            ) from error
        outputs = {name: home / f"{name}.out.bin" for name in qgraph.outputs}
        files = traces if trace else outputs
        found = {name: _read(path, qgraph, name) for name, path in files.items()}
        return {name: blank(qgraph.tensor(name), codes, tokens) for name, codes in found.items()}


def check_hls(
    folder: Path,
    qgraph: QGraph,
    inputs: Mapping[str, Int],
    *,
    work: Path | None = None,
    expected: Mapping[str, Int] | None = None,
    vendor: Path | None = None,
    lengths: Sequence[int] = (),
) -> dict[str, Int]:
    """Run the C++ and compare it with the golden model, bit for bit.

    Parameters
    ----------
    folder, inputs, work, vendor, lengths
        See :func:`simulate_hls`; ``work`` also gets ``<output>.golden.bin``.
    expected
        Codes of every tensor for these inputs, if the golden model has run already.

    Returns
    -------
    dict
        Codes (n, *shape) of the outputs.

    Raises
    ------
    VerificationError
        HG721 if a code differs, with the first diverging layer of that sample; HG722 as
        :func:`simulate_hls`.
    ToolError
        See :func:`simulate_hls`.
    """
    wanted = run_golden(qgraph, inputs, lengths=lengths) if expected is None else expected
    got = simulate_hls(folder, qgraph, inputs, work=work, vendor=vendor, lengths=lengths)
    if work is not None:
        for name in qgraph.outputs:
            _write(work / f"{name}.golden.bin", wanted[name])
    found = first_difference(qgraph, wanted, got)
    if found is None:
        return got
    one = slice(found.sample, found.sample + 1)
    sent = {k: v[one] for k, v in inputs.items()}
    layers = simulate_hls(folder, qgraph, sent, trace=True, vendor=vendor, lengths=lengths[one])
    first = first_difference(qgraph, {k: v[one] for k, v in wanted.items()}, layers) or found
    raise VerificationError("HG721", _mismatch(qgraph, first, found.sample), hint=_hint(folder))


def _mismatch(qgraph: QGraph, found: Difference, sample: int) -> str:
    ops = {node.name: f" ({node.op})" for node in qgraph.nodes}
    return (
        f"the HLS C++ differs from the golden model: first in layer {found.tensor}"
        f"{ops.get(found.tensor, '')}, sample {sample}, element {found.element} at index "
        f"{list(found.index)}: expected {found.expected}, got {found.got}"
    )


def _hint(folder: Path) -> str:
    return f"compare the layer's engine in {folder / 'engines.hpp'} with plan.json"


def _program(folder: Path, trace: bool, vendor: Path | None) -> Path:
    """Return the compiled testbench of a project."""
    compiler = find_compiler()
    types = _SHIM if vendor is None else ("-DHWGEN_USE_AP_INT", f"-isystem{vendor}")
    flags = (*_FLAGS, *types, *(["-DHWGEN_TRACE"] if trace else []))
    sources = sorted(path for path in folder.rglob("*") if path.suffix in (".cpp", ".hpp", ".rom"))
    parts = [part for path in sources for part in (path.name, path.read_bytes())]
    key = content_key(str(compiler.path), compiler.version, *flags, *parts)

    def build(target: Path) -> None:
        argv = [compiler.path, *flags, *_SOURCES, "-o", target / "csim"]
        run(argv, cwd=folder, log=target / "compile.log")

    return cached("csim", key, build) / "csim"


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    """Give ``work``, or a folder that goes with the block."""
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="hwgen-csim-") as name:
        yield Path(name)


def _write(path: Path, codes: Int) -> None:
    path.write_bytes(np.ascontiguousarray(to_stream(codes), dtype="<i8").tobytes())


def _read(path: Path, qgraph: QGraph, name: str) -> Int:
    item = qgraph.tensor(name)
    codes = np.frombuffer(path.read_bytes(), dtype="<i8").astype(np.int64)
    return from_stream(codes.reshape(-1, item.elements), item.shape)
