"""Collect what is known about a build, and write its page."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from hwgen.flow.folder import write_text
from hwgen.flow.front import Front
from hwgen.flow.manifest import Manifest
from hwgen.flow.quality import read_quality
from hwgen.flow.result import Result
from hwgen.report import Area, Measured, ReportData, render
from hwgen.serialize import restore

__all__ = ["AREA", "CSIM", "REPORT", "SIM", "ReportResult", "report", "write_report"]

REPORT = "report.html"

SIM = "sim/measured.json"
CSIM = "csim/result.json"
AREA = "bitstream/result.json"

T = TypeVar("T")


@dataclass(frozen=True)
class ReportResult(Result):
    """A page.

    Parameters
    ----------
    missing
        What it does not show yet: verbs that have not been run on this build.
    """

    report: Path
    missing: tuple[str, ...]


def report(
    spec: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    allow_path: bool = False,
    progress: Callable[[str], None] | None = None,
) -> ReportResult:
    """Write one self-contained HTML page about a build, which is made if it is not up to date.

    Parameters and exceptions are those of :func:`hwgen.flow.build`.
    """
    from hwgen.flow.builder import opened

    with opened(spec, output, allow_path=allow_path, progress=progress) as made:
        path = write_report(made.folder, made.front, made.manifest)
        known = {"sim": SIM, "csim": CSIM, "bitstream": AREA}
        missing = tuple(verb for verb, name in known.items() if not (made.folder / name).is_file())
        return ReportResult(path, missing)


def write_report(
    folder: Path, front: Front, manifest: Manifest, elsewhere: Mapping[str, Path] | None = None
) -> Path:
    """Write the page into a build.

    Parameters
    ----------
    elsewhere
        Folders of results (``sim``, ``csim``, ``bitstream``) that are not in the build yet.
    """

    def read(name: str, parse: Callable[[Any], T]) -> T | None:
        kind, _, file = name.partition("/")
        place = (elsewhere or {}).get(kind, folder / kind) / file
        try:
            return parse(json.loads(place.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # not run, or by another version

    quality = read_quality(folder)
    accuracy = quality.accuracy
    tools = dict(manifest.tools)
    data = ReportData(
        name=manifest.name,
        identity=manifest.identity,
        version=metadata.version("hwgen"),
        qgraph=front.qgraph,
        plan=front.plan,
        clock_mhz=front.spec.accelerator.clock_mhz,
        sqnr=quality.sqnr,
        sqnr_source=f"{quality.samples} samples of {quality.source}",
        events=quality.events,
        accuracy=(accuracy.samples, accuracy.real, accuracy.integer) if accuracy else None,
        sim=read(SIM, lambda data: restore(Measured, data, {})),
        csim=read(CSIM, lambda data: (bool(data["ok"]), int(data["vectors"]))),
        area=read(AREA, lambda data: _area(front.spec.board or "", data, tools)),
        tools=tools,
    )
    path = folder / REPORT
    write_text(path, render(data))
    return path


def _area(board: str, data: Mapping[str, Any], tools: dict[str, str]) -> Area:
    """Return the area of a bitstream's result; its tools join the others."""
    tools |= data["tools"]
    return Area(
        device=board,
        stage="placed and routed",
        used={name: used for name, (used, _) in data["area"].items()},
        available={name: available for name, (_, available) in data["area"].items()},
        fmax_mhz=data["fmax_mhz"],
        clock_mhz=data["clock_mhz"],
    )
