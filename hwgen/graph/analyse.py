"""From layers to nodes: parameters, shapes, order, and every mistake in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from pydantic import ValidationError

from hwgen.errors import Diagnostic, Mark
from hwgen.graph.expand import expand
from hwgen.graph.model import Node
from hwgen.ops import OpParams, ParamError
from hwgen.ops.base import Shape
from hwgen.ops.block import BlockParams
from hwgen.ops.registry import block_names, get_block, get_op, op_names
from hwgen.spec.explain import explain
from hwgen.spec.limits import MAX_ELEMENTS
from hwgen.spec.model import LayerSpec, Spec
from hwgen.spec.names import nearest, quoted

__all__ = ["Analysis", "analyse"]

_COMMON = ("name", "op", "in")


@dataclass(frozen=True)
class Analysis:
    """What could be inferred.

    Parameters
    ----------
    nodes
        In topological order; layers with a mistake, and those that read them, are left out.
    weights
        Shape of every weight array by its name in a file, ``<layer>.weight`` and so on.
    diagnostics
        HG2xx, and HG110 to HG113 for the ops' keys.
    """

    nodes: tuple[Node, ...]
    weights: Mapping[str, Shape]
    diagnostics: Sequence[Diagnostic]


def analyse(spec: Spec) -> Analysis:
    """Return the nodes of a spec; it may be incomplete (see :func:`hwgen.spec.parse_spec`)."""
    diagnostics: list[Diagnostic] = []
    params: dict[str, OpParams] = {}
    layers: dict[str, LayerSpec] = {}  # the first of each name; the spec stage refuses others
    inputs = {item.name: item.shape for item in spec.inputs}
    for layer in spec.layers:
        found, problems = _params(layer)
        diagnostics += problems
        if layer.name in layers or layer.name in inputs:
            continue
        layers[layer.name] = layer
        if found is not None and not problems:
            params[layer.name] = found
    nodes = _Nodes(inputs, [*inputs, *layers])
    for layer in _order(layers):
        if layer.name in params and all(name in nodes.shapes for name in layer.inputs):
            diagnostics += nodes.add(layer, params[layer.name])
    return Analysis(tuple(nodes.nodes), nodes.weights, diagnostics)


class _Nodes:
    """The nodes so far, and the shapes of all tensors.

    Parameters
    ----------
    inputs
        Shapes of the model's inputs.
    written
        Names that the spec has, which no part of a block may have.
    """

    def __init__(self, inputs: Mapping[str, Shape], written: Iterable[str]) -> None:
        self.nodes: list[Node] = []
        self.shapes = dict(inputs)
        self.weights: dict[str, Shape] = {}
        self._taken = set(written)

    def add(self, layer: LayerSpec, params: OpParams) -> Sequence[Diagnostic]:
        """Add a layer, or all those of a block up to the first one with a mistake."""
        try:
            if not isinstance(params, BlockParams):
                return self._add(layer, params, layer.name, ())
            lines = expand(layer, params, [self.shapes[name] for name in layer.inputs])
        except ParamError as error:
            return [_illegal(layer, error)]
        for line in lines:
            clash = self._taken.intersection((line.label, *line.blocks[:-1]))
            if clash:
                message = f"block {layer.name!r} needs the name {clash.pop()!r} for a layer"
                return [Diagnostic("HG115", message, layer.marks[""], "rename one of them")]
        for line in lines:
            found, problems = _params(line.layer)
            if found is not None and not problems:
                try:
                    problems = [*self._add(line.layer, found, line.label, line.blocks)]
                except ParamError as error:
                    problems = [_illegal(line.layer, error)]
            if problems:
                return problems
        self._taken.update(name for line in lines for name in (line.label, *line.blocks))
        return []

    def _add(
        self, layer: LayerSpec, params: OpParams, label: str, blocks: tuple[str, ...]
    ) -> Sequence[Diagnostic]:
        op, inputs = get_op(layer.op), [self.shapes[name] for name in layer.inputs]
        shape = op.shape(params, inputs)
        arrays = {f"{label}.{name}": item for name, item in op.weights(params, inputs).items()}
        problem = _too_large(layer, {layer.name: shape, **arrays})
        if problem is not None:
            return [problem]
        part = label if blocks else ""
        mark = layer.marks[""]
        node = Node(layer.name, layer.op, layer.inputs, params, shape, mark, part, blocks)
        self.nodes.append(node)
        self.shapes[layer.name] = shape
        self.weights |= arrays
        return []


def _illegal(layer: LayerSpec, error: ParamError) -> Diagnostic:
    where = layer.marks.get(error.key, layer.marks[""])
    return Diagnostic("HG202", f"layer {layer.name!r}: {error}", where, error.hint)


def _params(layer: LayerSpec) -> tuple[OpParams | None, list[Diagnostic]]:
    """Return the op's keys as its model, or None and what is wrong with them."""

    def place(path: Sequence[str | int], key: bool) -> Mark:
        for length in range(len(path), 0, -1):
            dotted = ".".join(map(str, path[:length]))
            mark = layer.marks.get(f"{dotted}:" if key else dotted)
            if mark is not None:
                return mark
        return layer.marks[""]

    subject = f"layer {layer.name!r}"
    names = (*op_names(), *block_names())
    if layer.op not in names:
        hint = f"{nearest(layer.op, names)}ops: {', '.join(names)}"
        message = f"{subject} has an unknown op {quoted(layer.op)}"
        return None, [Diagnostic("HG201", message, place(["op"], False), hint)]
    op = get_block(layer.op) if layer.op in block_names() else get_op(layer.op)
    diagnostics = []
    least, most = op.arity
    count = len(layer.inputs)
    if count < least or (most is not None and count > most):
        legal = (
            str(least) if least == most else f"{least} to {most}" if most else f"{least} or more"
        )
        message = f"{subject} has {count} inputs"
        hint = f"{layer.op} reads {legal}"
        diagnostics.append(Diagnostic("HG203", message, place(["in"], False), hint))
    try:
        return op.Params.model_validate(dict(layer.params)), diagnostics
    except ValidationError as error:
        diagnostics += explain(error, op.Params, place, subject=subject, more_keys=_COMMON)
        return None, diagnostics


def _order(layers: Mapping[str, LayerSpec]) -> list[LayerSpec]:
    """Return the layers with producers first, else in file order; without those on a cycle.

    A layer that reads an undefined name comes as if it did not.
    """
    waits = {
        name: {read for read in layer.inputs if read in layers} for name, layer in layers.items()
    }
    readers: dict[str, list[str]] = {}
    for name, reads in waits.items():
        for read in reads:
            readers.setdefault(read, []).append(name)
    place = {name: index for index, name in enumerate(layers)}
    ready = [name for name in reversed(list(layers)) if not waits[name]]
    ordered: list[LayerSpec] = []
    while ready:
        name = ready.pop()
        ordered.append(layers[name])
        freed = []
        for reader in readers.get(name, ()):
            waits[reader].discard(name)
            if not waits[reader]:
                freed.append(reader)
        ready += sorted(freed, key=lambda item: -place[item])
    return ordered


def _too_large(layer: LayerSpec, shapes: Mapping[str, Shape]) -> Diagnostic | None:
    for name, shape in shapes.items():
        if prod(shape) > MAX_ELEMENTS:
            return Diagnostic(
                "HG204",
                f"tensor {name!r} of shape {list(shape)} has {prod(shape)} elements",
                layer.marks[""],
                f"a tensor has at most {MAX_ELEMENTS} elements",
            )
    return None
