"""The pure stages of one spec, each computed when somebody first asks for its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hwgen.flow.code import code_digest
from hwgen.flow.manifest import Manifest
from hwgen.graph import build_graph
from hwgen.graph.model import Graph
from hwgen.plan import make_plan
from hwgen.plan.model import Plan
from hwgen.quant import quantize, stream
from hwgen.quant.model import QGraph
from hwgen.serialize import digest, file_digest, restore
from hwgen.spec.model import Spec

__all__ = ["Front"]

T = TypeVar("T")


class Front:
    """Graph, qgraph and plan of a spec, and the key of each stage.

    A key is the hash of all that a stage's result depends on, so that an equal key means an
    equal result.  Given a build whose keys are equal, the results are read from it.

    Parameters
    ----------
    spec
        The validated spec.
    folder, manifest
        A build to read from; the manifest is None if there is none.
    notify
        Called with the name of a stage that is about to run.
    """

    def __init__(
        self,
        spec: Spec,
        folder: Path | None = None,
        manifest: Manifest | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.spec = spec
        self.notify = notify or (lambda _: None)
        self._folder = folder
        self._manifest = manifest
        self._unchanged: dict[str, bool] = {}

    def unchanged(self, stage: str) -> bool:
        """Return whether the build holds what this stage would give, with its files intact."""
        if self._folder is None or self._manifest is None:
            return False
        if stage not in self._unchanged:
            record = self._manifest.stages.get(stage)
            self._unchanged[stage] = (
                record is not None
                and record.key == self.keys[stage]
                and record.intact(self._folder)
            )
        return self._unchanged[stage]

    # -- keys -----------------------------------------------------------------------------------

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """Key of every stage that makes a build, in the order of the pipeline."""
        spec = self.spec
        weights, calibrate = spec.weights, spec.quantize.calibrate
        labels = spec.verify.labels
        graph = digest(
            code_digest(),
            [spec.name, spec.inputs, spec.layers, spec.outputs],
            [weights.random, _content(weights.file), spec.quantize.rotate],
        )
        quant = digest(graph, replace(spec.quantize, calibrate=None), _content(calibrate))
        if spec.stream is not None:
            quant = digest(quant, spec.stream)
        plan = digest(quant, spec.accelerator)
        golden = digest(quant, replace(spec.verify, labels=None), _content(labels))
        keys = {
            "spec": file_digest(spec.path),
            "graph": graph,
            "quant": quant,
            "plan": plan,
            "golden": golden,
        }
        return keys | {name: digest(name, plan) for name in ("rtl", "hls")}

    # -- results --------------------------------------------------------------------------------

    @cached_property
    def graph(self) -> Graph:
        """The real-valued graph."""
        self.notify("graph")
        return build_graph(self.spec)

    @cached_property
    def qgraph(self) -> QGraph:
        """The integer graph."""
        saved = self._read("quant", QGraph, "qgraph.json", "qgraph.npz")
        if saved is not None:
            return saved
        offline = self.offline
        setting = self.spec.stream
        if setting is None:
            return offline
        return stream(offline, self.graph, setting.chunk, exact=setting.exact)

    @cached_property
    def offline(self) -> QGraph:
        """The integer graph of one tensor of the declared shape, before it is streamed."""
        graph = self.graph
        self.notify("quant")
        return quantize(graph, self.spec)

    @cached_property
    def plan(self) -> Plan:
        """The plan."""
        saved = self._read("plan", Plan, "plan.json")
        if saved is not None:
            return saved
        qgraph = self.qgraph
        self.notify("plan")
        return make_plan(qgraph, self.spec.accelerator)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of qgraph and plan, 64 hex digits."""
        if self._manifest is not None and self.unchanged("plan"):
            return self._manifest.identity
        return digest(self.qgraph, self.plan)

    def _read(self, stage: str, kind: type[T], text: str, arrays: str = "") -> T | None:
        if self._folder is None or not self.unchanged(stage):
            return None
        stored: Mapping[str, Any] = {}
        if arrays:
            with np.load(self._folder / arrays, allow_pickle=False) as file:
                stored = dict(file)
        return restore(kind, json.loads((self._folder / text).read_text(encoding="utf-8")), stored)


def _content(path: Path | None) -> str | None:
    return None if path is None else file_digest(path)
