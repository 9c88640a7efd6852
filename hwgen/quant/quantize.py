"""From the real-valued graph to the qgraph: calibrate types, lower nodes, size accumulators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.errors import Diagnostic, SpecError
from hwgen.graph.model import Graph, Node
from hwgen.ops.base import Lowered, LowerOptions, ParamError, Real, channel_axis
from hwgen.ops.registry import get_op
from hwgen.ops.types import QType
from hwgen.quant.check import acc_bits_of, check_qgraph
from hwgen.quant.execute import (
    check_ids,
    decode,
    encode,
    integer_node,
    real_node,
    run_real,
)
from hwgen.quant.model import QGraph, QNode, QTensor
from hwgen.quant.ranges import Histogram, choose_type
from hwgen.quant.samples import load_samples
from hwgen.spec.model import Precision, Quantize, Spec

__all__ = ["quantize", "random_samples"]

_RANDOM_SAMPLES = 64
_RANDOM_SEED = 0
_MAX_SAMPLES = 1024
_LARGEST = 1e75
"""Largest magnitude whose square, times a weight or a sum over a tensor, is still a number."""


def quantize(graph: Graph, spec: Spec) -> QGraph:
    """Return the integer graph.

    Every activation's type comes from its calibrated values, clipped for the least squared
    error; weights likewise, per output channel; the bias of a layer is corrected by the mean
    error that rounding causes on the calibration data.

    Parameters
    ----------
    graph
        Real-valued graph with its weights.
    spec
        Its ``quantize`` part gives widths and the calibration file.  Without a file, 64
        normally distributed samples of seed 0 stand in, and ``notes`` says so.

    Raises
    ------
    SpecError
        HG301 to HG305 for the calibration data (see
        :func:`hwgen.quant.samples.load_samples`), HG306 for an accumulator that would be too
        wide, HG307 for a precision that a layer cannot have, HG310 for values beyond 1e75, HG311
        for an input of a type that an op cannot work on.
    """
    dictated = {item.name: _dictated(graph, item.name) for item in graph.inputs}
    calibration = _calibration(graph, spec, dictated)
    with np.errstate(over="ignore", invalid="ignore"):  # reported with the layer's place
        real = run_real(graph, calibration.inputs)
    _check_magnitudes(graph, spec, real)
    choice = spec.quantize
    tensors: dict[str, QTensor] = {}
    codes = {}
    for item in graph.inputs:
        kind = dictated[item.name] or _proposed(real[item.name], _precision(choice, item.name))
        tensors[item.name] = QTensor(item.name, item.shape, kind)
        codes[item.name] = encode(real[item.name], kind)
    nodes: list[QNode] = []
    problems: list[Diagnostic] = []
    for node in graph.nodes:
        sources = [tensors[name] for name in node.inputs]
        decoded = [decode(codes[t.name], t.type) for t in sources]
        try:
            lowered, out = _lower(
                graph, node, choice, sources, real, decoded if calibration.measured else None
            )
        except ParamError as error:
            message = f"layer {node.name!r}: {error}"
            problems.append(Diagnostic("HG311", message, node.mark, error.hint))
            break  # those that follow read its result
        problems += _precision_problems(node, choice, lowered, out)
        shapes, types = [t.shape for t in sources], [t.type for t in sources]
        bits = acc_bits_of(node.op, lowered, shapes, types)
        problems += _width_problems(node, bits, types, lowered)
        tensors[node.name] = QTensor(node.name, node.shape, out)
        nodes.append(QNode(node.name, node.op, node.inputs, lowered, tensors[node.name], bits))
        read = [codes[name] for name in node.inputs]
        codes[node.name] = integer_node(node.op, lowered, read)
    if problems:
        raise SpecError.of(problems)
    result = QGraph(
        name=graph.name,
        inputs=tuple(tensors[item.name] for item in graph.inputs),
        nodes=tuple(nodes),
        outputs=graph.outputs,
        notes=calibration.notes,
    )
    check_qgraph(result)
    return result


@dataclass(frozen=True, eq=False)
class _Calibration:
    """Real inputs, whether they are the user's, and what to tell about them."""

    inputs: dict[str, Real]
    measured: bool
    notes: tuple[str, ...]


def _calibration(graph: Graph, spec: Spec, dictated: Mapping[str, QType | None]) -> _Calibration:
    shapes = {item.name: item.shape for item in graph.inputs}
    file = spec.quantize.calibrate
    if file is not None:
        samples = load_samples(file, shapes, spec.marks.get("quantize.calibrate.file"))
        inputs = {name: array[:_MAX_SAMPLES] for name, array in samples.inputs.items()}
        for name, array in inputs.items():
            check_ids(name, array, dictated[name], spec.marks.get("quantize.calibrate.file"))
        notes = []
        if samples.count > _MAX_SAMPLES:
            notes.append(
                f"{file.name} has {samples.count} samples; scales come from the first "
                f"{_MAX_SAMPLES}."
            )
        return _Calibration(inputs, True, tuple(notes))
    note = (
        f"No calibration data: scales come from {_RANDOM_SAMPLES} normally distributed random "
        f"samples of seed {_RANDOM_SEED}, so accuracy on real data means nothing."
    )
    return _Calibration(random_samples(graph, _RANDOM_SAMPLES, _RANDOM_SEED), False, (note,))


def random_samples(graph: Graph, count: int, seed: int) -> dict[str, Real]:
    """Return real inputs to stand in for data: normally distributed, ids and counts uniform."""
    random = np.random.default_rng(seed)
    inputs = {}
    for item in graph.inputs:
        kind, size = _dictated(graph, item.name), (count, *item.shape)
        inputs[item.name] = (
            random.standard_normal(size)
            if kind is None
            else random.integers(kind.low, kind.high, size, endpoint=True).astype(np.float64)
        )
    return inputs


def _check_magnitudes(graph: Graph, spec: Spec, real: Mapping[str, Real]) -> None:
    """Refuse the first tensor that floating point cannot measure any more."""
    where = {node.name: node.mark for node in graph.nodes}
    places = [
        (f"weights: {name}", array, spec.weights.mark) for name, array in graph.weights.items()
    ]
    places += [(name, array, where.get(name, spec.quantize.mark)) for name, array in real.items()]
    for what, array, mark in places:
        largest = np.max(np.abs(array), initial=0.0)
        if not largest <= _LARGEST:
            raise SpecError(
                "HG310",
                f"{what} has values up to {largest:.3g} in floating point",
                where=mark,
                hint=f"magnitudes up to {_LARGEST:g}: scale the weights or the calibration data",
            )


def _precision(choice: Quantize, *labels: str) -> Precision:
    """Return what the spec says about the first label that it names."""
    named = (choice.layers[label] for label in labels if label in choice.layers)
    return next(named, choice.default)


def _proposed(values: Real, precision: Precision) -> QType:
    histogram = Histogram.of(values)
    return choose_type(histogram, precision.activations, symmetric=precision.symmetric)


def _dictated(graph: Graph, name: str) -> QType | None:
    """Return the type that the readers of a model input want it to have; of several the narrowest.

    So ids that two tables look up are in the smaller one.
    """
    shapes = {item.name: item.shape for item in graph.inputs}
    shapes |= {node.name: node.shape for node in graph.nodes}
    wanted = [
        kind
        for node in graph.nodes
        for source, kind in zip(
            node.inputs,
            get_op(node.op).in_types(node.params, [shapes[item] for item in node.inputs]),
            strict=True,
        )
        if source == name and kind is not None
    ]
    return min(wanted, key=lambda kind: kind.high) if wanted else None


def _lower(
    graph: Graph,
    node: Node,
    choice: Quantize,
    sources: Sequence[QTensor],
    real: Mapping[str, Real],
    decoded: Sequence[Real] | None,
) -> tuple[Lowered, QType]:
    """Return a node's integer form; ``decoded`` inputs ask for a corrected bias."""
    op = get_op(node.op)
    shapes, types = [t.shape for t in sources], [t.type for t in sources]
    precision = _precision(choice, *node.labels)
    out = op.out_type(node.params, types, _proposed(real[node.name], precision), shapes)
    weights = graph.node_weights(node.name)
    options = LowerOptions(weight_bits=precision.weights)
    lowered = op.lower(node.params, weights, shapes, types, out, options)
    if decoded is None or "bias" not in weights or lowered.weight_type is None:
        return lowered, out
    linear = node.params.model_copy(update={"activation": "none"})
    wanted = real_node(node.op, linear, [real[name] for name in node.inputs], weights)
    scale = np.array(lowered.attrs["weight_scale"])
    weight = lowered.constants["weight"]
    rounded = weight * scale.reshape((-1,) + (1,) * (weight.ndim - 1))
    got = real_node(node.op, linear, decoded, {**weights, "weight": rounded})
    channels = 1 + channel_axis(node.shape)
    axes = tuple(axis for axis in range(wanted.ndim) if axis != channels)
    weights = {**weights, "bias": weights["bias"] + (wanted - got).mean(axis=axes)}
    return op.lower(node.params, weights, shapes, types, out, options), out


def _precision_problems(
    node: Node, choice: Quantize, lowered: Lowered, out: QType
) -> list[Diagnostic]:
    """Return what the spec asks of this layer by name and the op cannot give."""
    wanted = choice.layers.get(node.label)
    if wanted is None:
        return []
    found = []
    if wanted.activations not in (out.bits, choice.default.activations):
        message = (
            f"{node.op} {node.name} has results of {out.bits} bits by its inputs, "
            f"not int{wanted.activations}"
        )
        hint = f"give the width to the layer before it, or put a requantize after {node.name}"
        found.append(Diagnostic("HG307", message, node.mark, hint))
    if lowered.weight_type is None and wanted.weights != choice.default.weights:
        message = f"{node.op} {node.name} has no weights that could be int{wanted.weights}"
        hint = "leave weights out of its quantize entry"
        found.append(Diagnostic("HG307", message, node.mark, hint))
    return found


def _width_problems(
    node: Node, bits: int, types: Sequence[QType], lowered: Lowered
) -> list[Diagnostic]:
    limit = get_op(node.op).max_acc_bits
    if bits <= limit:
        return []
    widths = " and ".join(f"{kind.bits}-bit activations" for kind in types)
    if lowered.weight_type is not None:
        widths += f", {lowered.weight_type.bits}-bit weights"
    message = (
        f"{node.op} {node.name} needs an accumulator of {bits} bits for {widths}; "
        f"the widest is {limit}"
    )
    hint = f"fewer bits for {node.name} or its inputs in quantize.layers"
    return [Diagnostic("HG306", message, node.mark, hint)]
