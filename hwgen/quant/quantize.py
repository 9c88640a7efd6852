"""From the real-valued graph to the qgraph: calibrate types, lower nodes, size accumulators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hwgen.errors import Diagnostic, Mark, SpecError
from hwgen.graph.lengths import sequences
from hwgen.graph.model import Graph, Node
from hwgen.ops import ParamError
from hwgen.ops.arithmetic import Int
from hwgen.ops.base import Lowered, LowerOptions, Real, channel_axis
from hwgen.ops.blocks import WIDTHS, Blocks, operand_range, weight_digits, weight_reach
from hwgen.ops.mac import quantize_weights
from hwgen.ops.registry import get_op
from hwgen.ops.types import QType
from hwgen.quant.calibration import Calibration, dictated_types, load_calibration
from hwgen.quant.check import acc_bits_of, check_qgraph
from hwgen.quant.compensate import compensate
from hwgen.quant.equalize import factors, split_norms
from hwgen.quant.execute import decode, encode, integer_node, real_node
from hwgen.quant.mixed import Choice, Layer, by_peak, choose_blocks, mixed_notes, mixed_problems
from hwgen.quant.model import QGraph, QNode, QTensor, Scaled
from hwgen.quant.overflow import overflow_note, overflow_problem, wrapping
from hwgen.quant.padding import Link, padding
from hwgen.quant.ranges import estimate_type
from hwgen.spec.model import Mixed, Precision, Quantize, Spec

__all__ = ["quantize"]

_LARGEST = 1e75
"""Largest magnitude whose square, times a weight or a sum over a tensor, is still a number."""

_LEAST_POWER = 1e-6
"""Power of a row, as a share of the average, below which it counts as much as one of that power."""


def quantize(graph: Graph, spec: Spec) -> QGraph:
    """Return the integer graph.

    Every activation's type comes from its calibrated values, by default clipped for the least
    squared error; weights likewise, per output channel; the bias of a layer is corrected by the
    mean error that rounding causes on the calibration data.  Rows of padding count for nothing.

    Parameters
    ----------
    graph
        Real-valued graph with its weights.
    spec
        Its ``quantize`` part gives widths and the calibration file.  Without a file,
        normally distributed samples of seed 0 stand in, 8 to 64 of them by the size of the
        largest tensor, and ``notes`` says so.

    Raises
    ------
    SpecError
        HG301 to HG305 for the calibration data (see
        :func:`hwgen.quant.samples.load_samples`), HG306 for an accumulator that would be too
        wide, HG307 for a precision that a layer cannot have, HG310 for values beyond 1e75, HG311
        for an input of a type that an op cannot work on, HG314 for a key that needs calibration
        data where there is none, HG470 and
        HG471 for blocks that a layer cannot have, HG479 for weights that one with blocks cannot
        have, HG473 for an accumulator fixed too narrow.
    """
    dictated = dictated_types(graph)
    problems = mixed_problems(graph, spec.quantize)
    if problems:
        raise SpecError.of(problems)
    calibration = load_calibration(graph, spec, dictated)
    _check_weights(graph, spec)
    origins: dict[str, str] = {}
    if spec.quantize.equalize is not None:
        split = split_norms(graph)
        graph, origins = split.graph, dict(split.origins)
    work = _Quantizer(graph, spec, calibration, origins)
    for item in graph.inputs:
        work.input(item.name, item.shape, dictated[item.name])
    for node in graph.nodes:
        if not work.node(node):
            break  # those that follow read its result
    if work.problems:
        raise SpecError.of(work.problems)
    result = QGraph(
        name=graph.name,
        inputs=tuple(work.tensors[item.name] for item in graph.inputs),
        nodes=tuple(work.nodes),
        outputs=graph.outputs,
        notes=(*calibration.notes, *graph.notes, *work.notes, *mixed_notes(work.choices)),
        lengths=graph.lengths,
    )
    check_qgraph(result)
    return result


class _Quantizer:
    """Takes the calibration data through the graph, in real numbers and in codes side by side.

    A tensor is forgotten when its last reader is done.
    """

    def __init__(
        self, graph: Graph, spec: Spec, calibration: Calibration, origins: dict[str, str]
    ) -> None:
        self.problems: list[Diagnostic] = []
        self.notes: list[str] = []
        self.choices: dict[str, Choice] = {}
        self.tensors: dict[str, QTensor] = {}
        self.nodes: list[QNode] = []
        self._graph = graph
        self._sequences = sequences(graph)
        self._weights = dict(graph.weights)
        self._choice = spec.quantize
        self._calibration = calibration
        self._origins = origins
        self._blocks: dict[str, Blocks] = {}
        self._moved: dict[str, Scaled] = {}
        self._ordered: set[str] = set()
        self._real: dict[str, Real] = {}
        self._codes: dict[str, Int] = {}
        self._readers = Counter(name for node in graph.nodes for name in set(node.inputs))
        self._mask = padding(
            [
                Link(node.name, node.op, node.inputs, getattr(node.params, "padded", False))
                for node in graph.nodes
            ],
            {item.name: item.shape for item in graph.inputs}
            | {node.name: node.shape for node in graph.nodes},
            [item.name for item in graph.inputs],
        )

    def input(self, name: str, shape: tuple[int, ...], kind: QType | None) -> None:
        """Take in a model input; ``kind`` is the type that its readers want, if they do."""
        real = np.asarray(self._calibration.inputs[name], np.float64)
        _check_magnitude(name, real, self._choice.mark)
        self._real[name] = real
        if kind is None:
            kind = self._proposed(name, self._choice.of(name))
            self._note_constant(name, kind)
        self.tensors[name] = QTensor(name, shape, kind, name in self._sequences)
        self._codes[name] = encode(real, kind)

    def _note_constant(self, name: str, kind: QType) -> None:
        """Tell of an input whose calibration data cannot show what range it has."""
        values = self._real[name]
        if np.ptp(values) > 0.0:
            return
        low, high = ((code - kind.zero_point) * kind.scale for code in (kind.low, kind.high))
        self.notes.append(
            f"{name} is {values.flat[0]:g} everywhere in the {len(values)} calibration samples, "
            f"which shows no range: values outside {low:.4g} to {high:.4g} will saturate, and "
            f"the scales of the layers behind it mean as little."
        )

    def node(self, node: Node) -> bool:
        """Add a node; return whether it has an integer form at all."""
        with np.errstate(over="ignore", invalid="ignore"):  # reported with the layer's place
            real = real_node(node.op, node.params, self._reals(node), self._arrays(node))
        _check_magnitude(node.name, real, node.mark)
        self._real[node.name] = real
        scaled = self._equalize(node) if node.name in self._origins else self._gather(node)
        sources = [self.tensors[name] for name in node.inputs]
        try:
            lowered, out = self._lower(node, sources)
        except ParamError as error:
            message = f"layer {node.name!r}: {error}"
            self.problems.append(Diagnostic("HG311", message, node.mark, error.hint))
            return False
        shapes, types = [t.shape for t in sources], [t.type for t in sources]
        bits = acc_bits_of(node.op, lowered, shapes, types)
        self.problems += _precision_problems(node, self._choice, lowered, out)
        fixed = self._choice.of(*node.labels).accumulator
        if fixed is not None and bits > fixed.bits and lowered.weight_type is not None:
            if fixed.overflow == "wrap":
                inputs = [self._codes[name] for name in node.inputs]
                self.notes.append(overflow_note(node, lowered, inputs, bits, fixed.bits))
                lowered, bits = wrapping(lowered, fixed.bits), fixed.bits
            else:
                self.problems.append(overflow_problem(node, bits, fixed))
        self.problems += _width_problems(node, bits, types, lowered)
        tensor = QTensor(node.name, node.shape, out, node.name in self._sequences)
        self.tensors[node.name] = tensor
        self.nodes.append(
            QNode(node.name, node.op, node.inputs, lowered, tensor, bits, scaled=scaled)
        )
        self._codes[node.name] = integer_node(
            node.op, lowered, [self._codes[name] for name in node.inputs]
        )
        self._forget(node)
        return True

    def _equalize(self, node: Node) -> Scaled:
        """Divide the channels of a normalisation, and give its readers the factors."""
        assert self._choice.equalize is not None
        readers = [f"{name}.weight" for name in self._graph.consumers(node.name)]
        found = factors(
            self._counting(node.name),
            [self._weights[reader] for reader in readers],
            self._choice.equalize,
        )
        for name in self._arrays(node):
            self._weights[f"{node.name}.{name}"] = self._weights[f"{node.name}.{name}"] / found
        for reader in readers:
            self._weights[reader] = self._weights[reader] * found
        self._real[node.name] = self._real[node.name] / found
        return Scaled(self._origins[node.name], tuple(found.tolist()))

    def _gather(self, node: Node) -> Scaled | None:
        """Order a linear layer's channels for the blocks of the one that reads them.

        So the order costs nothing: the layer's own rows are moved, and the reader's columns.
        Functions of one element may stand between the two.
        """
        if node.name in self._moved:
            return self._moved[node.name]
        chain, real = [node], self._real[node.name]
        while chain[-1].name not in self._graph.outputs:
            readers = [self._graph.node(name) for name in self._graph.consumers(chain[-1].name)]
            if node.op != "linear" or len(readers) != 1:
                break
            (reader,) = readers
            if get_op(reader.op).pointwise:
                real = real_node(reader.op, reader.params, [real], {})
                chain.append(reader)
                continue
            if self._mixed(reader) is not None:
                values = self._without_padding(chain[-1].name, real)
                order = by_peak(values.reshape(-1, values.shape[-1]))
                for array in self._arrays(node):
                    self._weights[f"{node.name}.{array}"] = self._weights[f"{node.name}.{array}"][
                        order
                    ]
                weight = f"{reader.name}.weight"
                self._weights[weight] = self._weights[weight][:, order]
                self._real[node.name] = self._real[node.name][..., order]
                moved = tuple(order.tolist())
                self._moved |= {item.name: Scaled(item.name, order=moved) for item in chain}
                self._ordered.add(reader.name)
            break
        return self._moved.get(node.name)

    def _lower(self, node: Node, sources: Sequence[QTensor]) -> tuple[Lowered, QType]:
        """Return a node's integer form; measured data round its weights and correct its bias."""
        op = get_op(node.op)
        shapes, types = [t.shape for t in sources], [t.type for t in sources]
        precision = self._choice.of(*node.labels)
        proposed = self._proposed(node.name, precision, self._others(node) if op.alike else ())
        out = op.out_type(node.params, types, proposed, shapes)
        weights = self._arrays(node)
        options = LowerOptions(weight_bits=precision.weights, narrow=precision.narrow)
        if node.op == "attention":
            options = replace(options, means=self._means(node))
        mixed = self._mixed(node)
        if mixed is not None:
            if weight_digits(precision.weights) > 1:  # of 4 bits have `narrow` for it
                options = replace(options, reach=weight_reach(precision.weights))
            options = replace(options, blocks=self._choose_blocks(node, options, mixed))
        measured = self._calibration.measured
        if measured and self._choice.rounding == "compensated" and node.op == "linear":
            options = replace(options, rounded=self._compensated(node, options))
        lowered = op.lower(node.params, weights, shapes, types, out, options)
        if not measured or "bias" not in weights or lowered.weight_type is None:
            return lowered, out
        rounded = op.rounded_weight(node.params, lowered)
        shift = self._mean_error(node, {**weights, "weight": rounded})
        weights = {**weights, "bias": weights["bias"] + shift}
        return op.lower(node.params, weights, shapes, types, out, options), out

    def _others(self, node: Node) -> list[Real]:
        """Return the results of the other nodes whose type is the node's: see ``Op.alike``."""
        key = node.op, node.inputs, node.shape
        return [
            real_node(other.op, other.params, self._reals(node), self._arrays(other))
            for other in self._graph.nodes
            if (other.op, other.inputs, other.shape) == key and other.name != node.name
        ]

    def _mean_error(self, node: Node, weights: Mapping[str, Real]) -> Real:
        """Return how much is missing in each channel with rounded inputs and these weights."""
        params = node.params.model_copy(update={"activation": "none"})
        error = self._before_activation(node) - real_node(
            node.op, params, self._decoded(node), weights
        )
        places = np.moveaxis(error, 1 + channel_axis(node.shape), -1)
        rows, importance = places.reshape(-1, places.shape[-1]), None
        if len(node.shape) == 2:
            importance = self._importance(node)
            counts = importance > 0
            rows, importance = rows[counts], importance[counts]
        mean: Real = np.average(rows, axis=0, weights=importance)
        return mean

    def _compensated(self, node: Node, options: LowerOptions) -> tuple[Int, Real]:
        weight = self._weights[f"{node.name}.weight"]
        (inputs,) = self._decoded(node)
        rows, importance = inputs.reshape(-1, weight.shape[1]), np.ones(len(inputs))
        if len(node.shape) == 2:
            importance = self._importance(node)
        counts = importance > 0
        return compensate(
            weight,
            rows[counts],
            importance[counts],
            options.weight_bits,
            narrow=options.narrow,
            reach=options.reach,
        )

    def _choose_blocks(self, node: Node, options: LowerOptions, mixed: Mixed) -> Blocks:
        """Choose how a linear layer rounds what it reads, and keep it for :meth:`_decoded`."""
        (name,), weight = node.inputs, self._weights[f"{node.name}.weight"]
        kind, real = self.tensors[name].type, self._real[name].reshape(-1, weight.shape[1])
        importance = self._importance(node) if len(node.shape) == 2 else np.ones(len(real))
        if self._choice.rounding == "compensated":
            codes, scales = self._compensated(node, options)
        else:
            codes, scales = quantize_weights(
                weight, options.weight_bits, narrow=options.narrow, reach=options.reach
            )
        layer = Layer(
            real=real,
            codes=encode(real, kind),
            kind=kind,
            weight=weight,
            rounded=codes * scales[:, None],
            importance=importance,
            bias=f"{node.name}.bias" in self._weights,
        )
        reorder = node.name not in self._ordered
        choice = choose_blocks(layer, mixed.channels, mixed.loss, reorder=reorder)
        self.choices[node.name] = choice
        self._blocks[node.name] = choice.blocks
        return choice.blocks

    def _importance(self, node: Node) -> Real:
        """Return how much each row of a sequence counts: the less, the larger its results are.

        A few rows can be hundreds of times larger than all others, and would be all that the
        bias and the rounding of a layer look at.  Rows of padding count for nothing.
        """
        wanted = self._before_activation(node)
        power = np.mean(wanted * wanted, axis=-1)
        mask = self._mask.rows(node.name, self._calibration.inputs)
        counts = np.ones(power.shape) if mask is None or not mask.any() else mask.astype(np.float64)
        floor = _LEAST_POWER * float(np.average(power, weights=counts))
        importance: Real = counts / np.maximum(power, floor) if floor > 0 else counts
        return importance.reshape(-1)

    def _before_activation(self, node: Node) -> Real:
        """Return a node's real result without the activation that was fused into it."""
        if getattr(node.params, "activation", "none") == "none":
            return self._real[node.name]
        linear = node.params.model_copy(update={"activation": "none"})
        return real_node(node.op, linear, self._reals(node), self._arrays(node))

    # -- tensors ------------------------------------------------------------------------------

    def _arrays(self, node: Node) -> dict[str, Real]:
        return {
            name: self._weights[f"{node.name}.{name}"]
            for name in self._graph.node_weights(node.name)
        }

    def _reals(self, node: Node) -> list[Real]:
        return [self._real[name] for name in node.inputs]

    def _means(self, node: Node) -> list[Real]:
        """Return the mean of each channel of each input of sequences."""
        inputs = [self._counting(name) for name in node.inputs]
        return [array.reshape(-1, array.shape[-1]).mean(axis=0) for array in inputs]

    def _decoded(self, node: Node) -> list[Real]:
        """Return what a node reads, in real numbers, with all its rounding."""
        codes, blocks = [self._codes[name] for name in node.inputs], self._blocks.get(node.name)
        if blocks is not None:
            codes = [
                blocks.rounded(codes[0].reshape(-1, len(blocks.order))).reshape(codes[0].shape)
            ]
        types = [self.tensors[name].type for name in node.inputs]
        return [decode(array, kind) for array, kind in zip(codes, types, strict=True)]

    def _counting(self, name: str) -> Real:
        """Return the real values of a tensor without its padding, the last axis kept."""
        return self._without_padding(name, self._real[name])

    def _without_padding(self, name: str, real: Real) -> Real:
        mask = self._mask.rows(name, self._calibration.inputs)
        if mask is None or not mask.any():
            return real
        rows: npt.NDArray[np.float64] = real[mask]
        return rows

    def _proposed(self, name: str, precision: Precision, more: Sequence[Real] = ()) -> QType:
        """Return the estimated type of a tensor's values, and ``more`` of its shape."""
        values = [self._counting(name), *(self._without_padding(name, real) for real in more)]
        kind = estimate_type(
            np.concatenate(values) if more else values[0],
            precision.activations,
            symmetric=precision.symmetric,
            estimator=precision.range,
        )
        if kind.signed and kind.bits == max(WIDTHS) and self._only_mixed(name):
            # The operand's range, which is smaller, is what has to hold the values.
            kind = replace(kind, scale=kind.scale * kind.high / operand_range(kind.bits, True)[1])
        return kind

    def _only_mixed(self, name: str) -> bool:
        """Return whether all that read a tensor round it to blocks."""
        readers = [self._graph.node(reader) for reader in self._graph.consumers(name)]
        outside = name in self._graph.outputs or not readers
        return not outside and all(self._mixed(node) is not None for node in readers)

    def _mixed(self, node: Node) -> Mixed | None:
        return self._choice.of(*node.labels).mixed if node.op == "linear" else None

    def _forget(self, node: Node) -> None:
        for name in {*node.inputs, node.name}:
            self._readers[name] -= name != node.name
            if not self._readers[name]:
                del self._real[name], self._codes[name]


def _check_weights(graph: Graph, spec: Spec) -> None:
    for name, array in graph.weights.items():
        _check_magnitude(f"weights: {name}", array, spec.weights.mark)


def _check_magnitude(what: str, array: Real, mark: Mark) -> None:
    """Refuse a tensor that floating point cannot measure any more."""
    largest = np.max(np.abs(array), initial=0.0)
    if not largest <= _LARGEST:
        raise SpecError(
            "HG310",
            f"{what} has values up to {largest:.3g} in floating point",
            where=mark,
            hint=f"magnitudes up to {_LARGEST:g}: scale the weights or the calibration data",
        )


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
