"""Collect what is known about a build, and write it as a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from hwgen.flow.folder import write_text
from hwgen.flow.front import Front
from hwgen.flow.manifest import Manifest
from hwgen.flow.quality import read_quality
from hwgen.report import Area, Measured, ReportData, render
from hwgen.serialize import restore

__all__ = ["AREA", "CSIM", "REPORT", "SIM", "write_report"]

REPORT = "report.html"

SIM = "sim/measured.json"
CSIM = "csim/result.json"
AREA = "bitstream/result.json"

T = TypeVar("T")


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
