"""How near the integers come to the real-valued graph: SQNR per layer, accuracy on labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.golden import encode_inputs, most_tensors, run, run_real
from hwgen.graph.model import Graph
from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Real
from hwgen.ops.events import Events
from hwgen.quant.calibration import random_samples
from hwgen.quant.model import QGraph
from hwgen.quant.samples import Samples, load_samples
from hwgen.quant.sqnr import NoiseMeter
from hwgen.serialize import restore
from hwgen.spec.model import Spec

__all__ = ["QUALITY", "Accuracy", "Quality", "classes", "measure_quality", "read_quality"]

QUALITY = "golden/quality.json"
"""Where it is kept in a build."""

_BATCH = 128
_ELEMENTS = 1 << 26
"""Most values of a batch, all tensors together: a few GiB with their codes."""


@dataclass(frozen=True)
class Accuracy:
    """Share of correctly classified samples, 0 to 1, in floating point and in integers."""

    samples: int
    real: float
    integer: float


@dataclass(frozen=True)
class Quality:
    """What quantisation costs.

    Parameters
    ----------
    source
        Which data it was measured on: the name of a file, or ``random``.
    sqnr
        Signal to quantisation noise ratio per input and layer in dB, against the
        floating-point graph that gets the same real inputs; infinite without noise.  Indices
        (argmax) have none.
    accuracy
        None without labelled data.
    events
        Per layer, over all samples: results that saturate, clamped logits and masked rows of
        attention.  Layers without any are left out.
    """

    source: str
    samples: int
    sqnr: Mapping[str, float]
    accuracy: Accuracy | None
    events: Mapping[str, Events]


def measure_quality(spec: Spec, graph: Graph, qgraph: QGraph) -> Quality:
    """Return the quality on the labelled data, else on the calibration data, else on noise."""
    samples, source = _samples(spec, graph)
    meter = NoiseMeter(qgraph)
    right = np.zeros(2)
    events: dict[str, Events] = {}
    elements = sum(item.elements for item in qgraph.inputs)
    elements += sum(node.out.elements for node in qgraph.nodes)
    batch = min(most_tensors(qgraph) or _BATCH, max(_ELEMENTS // elements, 1), _BATCH)
    for start in range(0, samples.count, batch):
        real_in = {name: array[start : start + batch] for name, array in samples.inputs.items()}
        counts: dict[str, Events] = {}
        real = run_real(graph, real_in)
        codes = run(qgraph, encode_inputs(qgraph, real_in), counts)
        for name, found in counts.items():
            events[name] = events.get(name, Events()) + found
        meter.add(real, codes)
        if samples.labels is not None:
            labels = samples.labels[start : start + batch]
            output = qgraph.outputs[0]
            right += [np.sum(classes(tensors[output]) == labels) for tensors in (real, codes)]
    accuracy = None
    if samples.labels is not None:
        share = right / samples.count
        accuracy = Accuracy(samples.count, float(share[0]), float(share[1]))
    events = {name: found for name, found in events.items() if found != Events()}
    return Quality(source, samples.count, meter.decibels(), accuracy, events)


def read_quality(folder: Path) -> Quality:
    """Return the quality that a build's golden stage measured."""
    return restore(Quality, json.loads((folder / QUALITY).read_text(encoding="utf-8")), {})


def classes(output: Int | Real) -> Int:
    """Return the class of each sample: the index of the largest score, or the index given.

    Of equal scores the first one counts, as in the op ``argmax``.
    """
    flat = output.reshape(len(output), -1)
    found: Int = (flat[:, 0] if flat.shape[1] == 1 else flat.argmax(axis=1)).astype(np.int64)
    return found


def _samples(spec: Spec, graph: Graph) -> tuple[Samples, str]:
    shapes = {item.name: item.shape for item in graph.inputs}
    for path in (spec.verify.labels, spec.quantize.calibrate):
        if path is not None:
            return load_samples(path, shapes), path.name
    return Samples(random_samples(graph, _BATCH, spec.verify.seed), None), "random"
