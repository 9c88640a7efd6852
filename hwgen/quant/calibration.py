"""The inputs that ranges are measured on: the user's, or random ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from hwgen.errors import SpecError
from hwgen.graph.model import Graph
from hwgen.ops.base import Real
from hwgen.ops.registry import get_op
from hwgen.ops.types import QType
from hwgen.quant.execute import check_ids
from hwgen.quant.samples import load_samples
from hwgen.spec.model import Spec

__all__ = ["Calibration", "dictated_types", "load_calibration", "random_samples"]

_RANDOM_SAMPLES = (8, 64)
"""Fewest and most random samples."""

_RANDOM_VALUES = 1 << 18
"""Values of the largest tensor that are enough to see how noise is distributed."""

_RANDOM_SEED = 0
_MAX_SAMPLES = 1024


@dataclass(frozen=True, eq=False)
class Calibration:
    """Real inputs, whether they are the user's, and what to tell about them."""

    inputs: dict[str, Real]
    measured: bool
    notes: tuple[str, ...]


def load_calibration(graph: Graph, spec: Spec, dictated: Mapping[str, QType | None]) -> Calibration:
    """Return the first 1,024 samples of the calibration file, or up to 64 random ones.

    Raises
    ------
    SpecError
        HG301 to HG305 (see :func:`hwgen.quant.samples.load_samples`), HG312 for ids outside
        their vocabulary, HG314 if what the spec asks for needs a file and there is none.
    """
    shapes = {item.name: item.shape for item in graph.inputs}
    file = spec.quantize.calibrate
    if file is not None:
        where = spec.marks.get("quantize.calibrate.file")
        samples = load_samples(file, shapes, where)
        inputs = {name: array[:_MAX_SAMPLES] for name, array in samples.inputs.items()}
        for name, array in inputs.items():
            check_ids(name, array, dictated[name], where)
        notes = []
        if samples.count > _MAX_SAMPLES:
            notes.append(
                f"{file.name} has {samples.count} samples; scales come from the first "
                f"{_MAX_SAMPLES}."
            )
        return Calibration(inputs, True, tuple(notes))
    _check_needless(spec)
    count = _random_count(graph)
    note = (
        f"No calibration data: scales come from {count} normally distributed random "
        f"samples of seed {_RANDOM_SEED}, so accuracy on real data means nothing."
    )
    return Calibration(random_samples(graph, count, _RANDOM_SEED), False, (note,))


def random_samples(graph: Graph, count: int, seed: int) -> dict[str, Real]:
    """Return real inputs to stand in for data: normally distributed, ids and counts uniform."""
    random = np.random.default_rng(seed)
    dictated = dictated_types(graph)
    inputs = {}
    for item in graph.inputs:
        kind, size = dictated[item.name], (count, *item.shape)
        inputs[item.name] = (
            random.standard_normal(size)
            if kind is None
            else random.integers(kind.low, kind.high, size, endpoint=True).astype(np.float64)
        )
    return inputs


def dictated_types(graph: Graph) -> dict[str, QType | None]:
    """Return the type that the readers of each input want it to have; of several the narrowest.

    So ids that two tables look up are in the smaller one.
    """
    shapes = {item.name: item.shape for item in graph.inputs}
    shapes |= {node.name: node.shape for node in graph.nodes}
    wanted: dict[str, list[QType]] = {item.name: [] for item in graph.inputs}
    for node in graph.nodes:
        kinds = get_op(node.op).in_types(node.params, [shapes[item] for item in node.inputs])
        for source, kind in zip(node.inputs, kinds, strict=True):
            if source in wanted and kind is not None:
                wanted[source].append(kind)
    return {
        name: min(kinds, key=lambda kind: kind.high) if kinds else None
        for name, kinds in wanted.items()
    }


def _random_count(graph: Graph) -> int:
    """Return how many random samples measure the ranges: of large tensors a few are enough."""
    fewest, most = _RANDOM_SAMPLES
    shapes = [item.shape for item in graph.inputs] + [node.shape for node in graph.nodes]
    largest = max(map(prod, shapes))
    return min(max(_RANDOM_VALUES // largest, fewest), most)


def _check_needless(spec: Spec) -> None:
    choice = spec.quantize
    if choice.rounding == "compensated":
        key, value = "quantize.rounding", choice.rounding
    elif choice.equalize is not None:
        key, value = "quantize.equalize", f"{choice.equalize:g}"
    elif any(item.mixed for item in (choice.default, *choice.layers.values())):
        key, value = "mixed", "precision"
    else:
        return
    raise SpecError(
        "HG314",
        f"{key} {value} needs calibration data, and the spec has none",
        where=spec.marks.get(key, choice.mark),
        hint="quantize.calibrate: {file: samples.npz}, or leave the key out",
    )
