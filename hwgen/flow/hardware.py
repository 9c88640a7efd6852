"""From a build to a board: bitstream, programming, and tensors through the link."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from hwgen.board.load import board_names, load_board
from hwgen.board.model import Board
from hwgen.errors import LimitError, SpecError, VerificationError
from hwgen.flow.builder import Build, Notify, opened
from hwgen.flow.folder import write_errors
from hwgen.flow.identity import identity_word
from hwgen.flow.quality import classes
from hwgen.flow.reporting import write_report
from hwgen.flow.result import Result
from hwgen.flow.vectors import choose_vectors
from hwgen.golden import first_difference, from_stream, to_stream
from hwgen.golden import run as run_golden
from hwgen.ops.arithmetic import Int

__all__ = ["BitstreamResult", "FlashResult", "RunResult", "bitstream", "flash", "run"]

StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class BitstreamResult(Result):
    """A bitstream that meets its clock.

    Parameters
    ----------
    used, available
        Cells by kind, after packing.
    fmax_mhz, clock_mhz
        Reached by the router's timing analysis, and wanted.
    seed
        Of the placer.
    tools
        Versions.
    cached
        True if nothing had changed since the last time.
    """

    folder: Path
    name: str
    board: str
    bitstream: Path
    used: Mapping[str, int]
    available: Mapping[str, int]
    fmax_mhz: float
    clock_mhz: float
    seed: int
    tools: Mapping[str, str]
    cached: bool


@dataclass(frozen=True)
class FlashResult(Result):
    """A board that was programmed; ``log`` is what the tool said."""

    board: str
    bitstream: Path
    log: str


@dataclass(frozen=True)
class RunResult(Result):
    """What a board computed, equal to the golden model.

    Parameters
    ----------
    retries
        Requests that the link had to send again.
    outputs
        Codes by output name, (vectors, *shape).
    """

    name: str
    port: str
    vectors: int
    seed: int
    accuracy: float | None
    retries: int
    outputs: Mapping[str, Int]


def bitstream(
    spec: StrPath,
    output: StrPath | None = None,
    *,
    board: str | None = None,
    seed: int = 1,
    allow_path: bool = False,
    progress: Notify | None = None,
) -> BitstreamResult:
    """Build, then synthesise, place, route and pack for a board.

    Parameters
    ----------
    board
        Name of the board; the spec's by default.
    seed
        Of the placer: another one gives another f_max.
    spec, output, allow_path, progress
        See :func:`hwgen.flow.build`.

    Raises
    ------
    LimitError
        The design does not fit, or misses its clock.
    ToolError
        A tool is missing or fails.
    """
    with opened(spec, output, allow_path=allow_path, progress=progress) as made:
        chosen = _board(made, board)
        with write_errors(made.folder):
            return _bitstream(made, chosen, seed, progress or (lambda _: None))


def _bitstream(made: Build, board: Board, seed: int, progress: Notify) -> BitstreamResult:
    from hwgen.board.build import build_bitstream
    from hwgen.board.interface import interface_of
    from hwgen.board.top import TOP_NAME, board_top, board_verilog, check_fit
    from hwgen.emit.rtl.top import build_top

    front, identity = made.front, made.manifest.identity
    clock = front.spec.accelerator.clock_mhz
    progress("board top")
    interface = interface_of(front.plan, front.qgraph, identity, _version())
    if front.plan.memory is not None:
        raise LimitError(
            "HG829",
            f"{made.manifest.name} uses external memory, and hwgen drives none on {board.name}",
            hint="cache: {memory: onchip}, or the emitted Verilog with a memory controller behind "
            "its port m_axi_mem",
        )
    check_fit(interface, board, clock)
    accelerator = build_top(front.plan, front.qgraph, identity=identity_word(identity))
    verilog = board_verilog(board_top(accelerator, interface, board, clock))
    folder = made.folder / "bitstream"
    try:
        found = build_bitstream(
            verilog, TOP_NAME, board, clock, folder, seed=seed, progress=progress
        )
    finally:
        write_report(made.folder, front, made.manifest)
    return BitstreamResult(
        folder=made.folder,
        name=made.manifest.name,
        board=board.name,
        bitstream=found.bitstream,
        used={name: row.used for name, row in found.area.items()},
        available={name: row.available for name, row in found.area.items()},
        fmax_mhz=found.fmax_mhz,
        clock_mhz=found.clock_mhz,
        seed=found.seed,
        tools=found.tools,
        cached=found.cached,
    )


def flash(
    spec: StrPath,
    output: StrPath | None = None,
    *,
    board: str | None = None,
    allow_path: bool = False,
    progress: Notify | None = None,
) -> FlashResult:
    """Make the bitstream if it is not up to date, and load it into the connected board.

    Parameters are those of :func:`bitstream`.

    Raises
    ------
    ToolError
        The board's tool is missing, or finds no board.
    """
    from hwgen.board.flash import flash as program

    made = bitstream(spec, output, board=board, allow_path=allow_path, progress=progress)
    (progress or (lambda _: None))("program the board")
    return FlashResult(made.board, made.bitstream, program(load_board(made.board), made.bitstream))


def run(
    spec: StrPath,
    output: StrPath | None = None,
    *,
    port: str,
    vectors: int | None = None,
    seed: int | None = None,
    board: str | None = None,
    allow_path: bool = False,
    progress: Notify | None = None,
) -> RunResult:
    """Send tensors to a board that carries the build; compare the results with the golden model.

    Parameters
    ----------
    port
        Serial port, such as ``/dev/ttyUSB0``.
    vectors, seed
        How many tensors, and the seed that chooses them; by default what the spec says.
    spec, output, board, allow_path, progress
        See :func:`bitstream`.

    Raises
    ------
    VerificationError
        The board's results differ from the golden model, or it stalls.
    ToolError
        The port cannot be opened, or no board answers.
    HwgenError
        HG844 if the board carries another build.
    """
    from hwgen.board.interface import interface_of
    from hwgen.host.link import Link
    from hwgen.host.run import run_tensors
    from hwgen.host.transport import SerialTransport

    tell = progress or (lambda _: None)
    with opened(spec, output, allow_path=allow_path, progress=progress) as made:
        front = made.front
        chosen = choose_vectors(front.spec, front.qgraph, vectors, seed)
        interface = interface_of(front.plan, front.qgraph, made.manifest.identity, _version())
        streams = {name: to_stream(codes) for name, codes in chosen.inputs.items()}
        tell(f"{chosen.count} tensors through {port}")
        with Link(SerialTransport(port, _board(made, board).link.baud)) as link:
            link.check_identity(interface)
            link.reset()
            found = run_tensors(link, interface, streams, lengths=chosen.lengths)
            retries = link.retries
        outputs = {
            name: from_stream(codes, front.qgraph.tensor(name).shape)
            for name, codes in found.items()
        }
        wanted = run_golden(front.qgraph, chosen.inputs, lengths=chosen.lengths)
        wrong = first_difference(front.qgraph, wanted, outputs)
        if wrong is not None:
            raise VerificationError(
                "HG923",
                f"output {wrong.tensor!r} of the board, tensor {wrong.sample}, element "
                f"{list(wrong.index)}: expected {wrong.expected}, got {wrong.got}",
                hint="simulate the same build: hwgen sim; then look at its timing: hwgen bitstream",
            )
        scores = outputs[front.qgraph.outputs[0]]
        right = None if chosen.labels is None else np.mean(classes(scores) == chosen.labels)
        return RunResult(
            name=made.manifest.name,
            port=port,
            vectors=chosen.count,
            seed=front.spec.verify.seed if seed is None else seed,
            accuracy=None if right is None else float(right),
            retries=retries,
            outputs=outputs,
        )


def _board(made: Build, name: str | None) -> Board:
    name = name or made.front.spec.board
    if name is None:
        raise SpecError(
            "HG924",
            "the spec names no board",
            hint=f"board: NAME in the spec, or --board NAME; boards: {', '.join(board_names())}",
        )
    return load_board(name)


def _version() -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in metadata.version("hwgen").split(".")[:3])
    return major, minor, patch
