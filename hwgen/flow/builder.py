"""From a spec to a build: run the stages whose inputs have changed, take over the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from hwgen.flow.code import tool_versions
from hwgen.flow.folder import MANIFEST, check_target, locked, replacing
from hwgen.flow.front import Front
from hwgen.flow.loading import all_mistakes, load
from hwgen.flow.manifest import Manifest, StageRecord, read_manifest
from hwgen.flow.quality import read_quality
from hwgen.flow.reporting import REPORT, write_report
from hwgen.flow.result import BuildResult, CheckResult, PlanFigures
from hwgen.flow.stages import STAGES, run_stage, take_over
from hwgen.flow.vectors import choose_vectors
from hwgen.plan.model import Plan

__all__ = ["Build", "Notify", "build", "check", "opened", "plan_figures"]

Notify = Callable[[str], None]

StrPath = str | os.PathLike[str]

# Folders that later verbs add to a build, and the stage whose result they are about.
_RESULTS = {"sim": "rtl", "csim": "hls", "bitstream": "rtl"}


@dataclass(frozen=True, eq=False)
class Build:
    """A build on disk, with the objects that it was made from.

    Parameters
    ----------
    front
        Spec, graph, qgraph and plan; read from the build as far as possible.
    ran, reused
        Stages, in the order of the pipeline.
    """

    folder: Path
    manifest: Manifest
    front: Front
    ran: tuple[str, ...]
    reused: tuple[str, ...]


def check(spec: StrPath, *, allow_path: bool = False) -> CheckResult:
    """Find every mistake in a spec and its data; write nothing.

    Parameters
    ----------
    spec
        The YAML file.
    allow_path
        Whether the spec may name files outside its own folder.

    Raises
    ------
    SpecError
        With all mistakes found.
    """
    front = Front(load(Path(spec), allow_path=allow_path))
    with all_mistakes(front.spec):
        _ = front.plan
        choose_vectors(front.spec, front.qgraph)  # reads the labelled data
    weights = sum(array.size for array in front.graph.weights.values())
    layers = len(front.graph.nodes)
    return CheckResult(Path(spec), front.spec.name, layers, weights, plan_figures(front.plan))


def build(
    spec: StrPath,
    output: StrPath | None = None,
    *,
    allow_path: bool = False,
    progress: Notify | None = None,
) -> BuildResult:
    """Generate RTL, HLS C++, golden vectors, plan and report into a build folder.

    The folder is replaced as a whole or not at all.  Stages whose inputs have not changed since
    the previous build are not run again.

    Parameters
    ----------
    spec
        The YAML file.
    output
        The build folder; ``build/<name of the spec>`` by default.
    allow_path
        Whether the spec may name files outside its own folder.
    progress
        Called with the name of each stage that runs.

    Raises
    ------
    SpecError
        The spec is wrong, or the folder is in use, or is not empty and no build.
    LimitError
        The disk is full.
    """
    with opened(spec, output, allow_path=allow_path, progress=progress) as made:
        folder, name = made.folder, made.manifest.name
        return BuildResult(
            folder=folder,
            name=name,
            identity=made.manifest.identity,
            plan=plan_figures(made.front.plan),
            quality=read_quality(folder),
            notes=made.front.qgraph.notes,
            ran=made.ran,
            reused=made.reused,
            files={
                "verilog": folder / "rtl" / f"{name}.v",
                "hls": folder / "hls",
                "plan": folder / "plan.txt",
                "report": folder / REPORT,
            },
        )


@contextmanager
def opened(
    spec: StrPath,
    output: StrPath | None = None,
    *,
    allow_path: bool = False,
    progress: Notify | None = None,
) -> Iterator[Build]:
    """Give the up-to-date build of a spec; its folder stays locked until the block ends.

    Parameters and exceptions are those of :func:`build`.
    """
    loaded = load(Path(spec), allow_path=allow_path)
    target = Path(os.path.realpath(output or Path("build") / loaded.name))
    check_target(target, Path(os.path.realpath(spec)))
    previous = read_manifest(target)
    front = Front(loaded, target, previous, progress)
    # Every mistake in the data is found before anything is written.
    with all_mistakes(loaded):
        if not front.unchanged("plan"):
            _ = front.plan
        if not front.unchanged("golden"):
            choose_vectors(loaded, front.qgraph)
    with locked(target):
        if read_manifest(target) != previous:  # another process was faster
            check_target(target, Path(os.path.realpath(spec)))
            previous = read_manifest(target)
            front = Front(loaded, target, previous, progress)
        yield _update(target, front, previous)


def _update(target: Path, front: Front, previous: Manifest | None) -> Build:
    reused = tuple(name for name in STAGES if front.unchanged(name))
    ran = tuple(name for name in STAGES if name not in reused)
    if previous is not None and not ran and (target / REPORT).is_file():
        return Build(target, previous, front, (), reused)
    with replacing(target) as place:
        records: dict[str, StageRecord] = {}
        for name in STAGES:
            if previous is not None and name in reused:
                records[name] = previous.stages[name]
                take_over(records[name], place.old, place.new)
            else:
                front.notify(name)
                known = {path for record in records.values() for path in record.files}
                records[name] = run_stage(name, front, place.new, known)
        manifest = Manifest(
            metadata.version("hwgen"), front.spec.name, front.identity, tool_versions(), records
        )
        (place.new / MANIFEST).write_text(manifest.text(), encoding="utf-8")
        place.carry += [name for name, stage in _RESULTS.items() if stage in reused]
        write_report(place.new, front, manifest, {name: place.old / name for name in place.carry})
    return Build(target, manifest, front, ran, reused)


def plan_figures(plan: Plan) -> PlanFigures:
    """Return what a plan predicts."""
    cycles = plan.prediction
    return PlanFigures(
        plan.schedule,
        plan.multipliers,
        cycles.latency,
        cycles.interval,
        plan.utilisation,
        plan.stream,
    )
