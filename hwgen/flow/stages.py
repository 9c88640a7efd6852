"""What each stage writes into a build, and which of it a new build may take over."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.flow.front import Front
from hwgen.flow.identity import identity_word
from hwgen.flow.manifest import StageRecord
from hwgen.flow.quality import QUALITY, measure_quality
from hwgen.flow.vectors import choose_vectors
from hwgen.golden import run
from hwgen.serialize import arrays, dumps, file_digest

__all__ = ["STAGES", "run_stage", "take_over"]

Writer = Callable[[Front, Path], None]


def run_stage(name: str, front: Front, folder: Path, known: set[str]) -> StageRecord:
    """Run one stage into the folder of a build on its way.

    Parameters
    ----------
    known
        Paths in the build that other stages wrote.
    """
    STAGES[name](front, folder)
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    files = {
        place: file_digest(path)
        for place, path in paths.items()
        if path.is_file() and place not in known
    }
    return StageRecord(front.keys[name], files)


def take_over(record: StageRecord, old: Path, new: Path) -> None:
    """Copy what a stage wrote into another build."""
    for name in record.files:
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(old / name, new / name)


def _spec(front: Front, folder: Path) -> None:
    shutil.copyfile(front.spec.path, folder / "spec.yaml")


def _graph(front: Front, folder: Path) -> None:
    _write(folder / "graph.json", dumps(front.graph))


def _quant(front: Front, folder: Path) -> None:
    _write(folder / "qgraph.json", dumps(front.qgraph))
    _save(folder / "qgraph.npz", arrays(front.qgraph))


def _plan(front: Front, folder: Path) -> None:
    from hwgen.plan.text import describe

    _write(folder / "plan.json", dumps(front.plan))
    _write(folder / "plan.txt", describe(front.plan) + "\n")


def _golden(front: Front, folder: Path) -> None:
    vectors = choose_vectors(front.spec, front.qgraph)
    (folder / "golden").mkdir()
    tensors = run(front.qgraph, vectors.inputs, lengths=vectors.lengths)
    _save(folder / "golden" / "vectors.npz", tensors)
    offline = front.qgraph if front.spec.stream is None else front.offline
    quality = measure_quality(front.spec, front.graph, offline)
    _write(folder / QUALITY, dumps(quality))


def _rtl(front: Front, folder: Path) -> None:
    from hwgen.emit.rtl import emit_verilog

    name, identity = front.spec.name, identity_word(front.identity)
    (folder / "rtl").mkdir()
    variants: dict[str, dict[str, bool]] = {"": {}, "_trace": {"trace": True, "model": True}}
    if front.plan.memory is not None:
        variants["_memory"] = {"model": True}
    for suffix, options in variants.items():
        text = emit_verilog(front.plan, front.qgraph, identity=identity, **options)
        _write(folder / "rtl" / f"{name}{suffix}.v", text)


def _hls(front: Front, folder: Path) -> None:
    from hwgen.emit.hls import emit

    clock = front.spec.accelerator.clock_mhz
    emit(front.plan, front.qgraph, folder / "hls", clock_mhz=clock)


STAGES: Mapping[str, Writer] = {
    "spec": _spec,
    "graph": _graph,
    "quant": _quant,
    "plan": _plan,
    "golden": _golden,
    "rtl": _rtl,
    "hls": _hls,
}
"""In the order of the pipeline."""


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _save(path: Path, named: Mapping[str, npt.NDArray[Any]]) -> None:
    np.savez(path, **named)  # type: ignore[arg-type]
