"""From layers to nodes: parameters, shapes, order, and every mistake in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from pydantic import ValidationError

from hwgen.errors import Diagnostic, Mark
from hwgen.graph.model import Node
from hwgen.ops import OpParams, ParamError, get_op, op_names
from hwgen.ops.base import Shape
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
        Shape of every weight array, by ``<node>.weight`` and ``<node>.bias``.
    diagnostics
        HG2xx, and HG110 to HG113 for the ops' keys.
    """

    nodes: tuple[Node, ...]
    weights: Mapping[str, Shape]
    diagnostics: Sequence[Diagnostic]


def analyse(spec: Spec) -> Analysis:
    """Return the nodes of a spec; it may be incomplete (see :func:`hwgen.spec.parse_spec`)."""
    diagnostics: list[Diagnostic] = []
    shapes: dict[str, Shape] = {item.name: item.shape for item in spec.inputs}
    params: dict[str, OpParams] = {}
    layers: dict[str, LayerSpec] = {}  # the first of each name; the spec stage refuses others
    for layer in spec.layers:
        found, problems = _params(layer)
        diagnostics += problems
        if layer.name in layers or layer.name in shapes:
            continue
        layers[layer.name] = layer
        if found is not None and not problems:
            params[layer.name] = found
    nodes: list[Node] = []
    weights: dict[str, Shape] = {}
    for layer in _order(layers):
        if layer.name not in params or any(name not in shapes for name in layer.inputs):
            continue
        inputs = [shapes[name] for name in layer.inputs]
        try:
            shape, arrays = _infer(layer, params[layer.name], inputs)
        except ParamError as error:
            where = layer.marks.get(error.key, layer.marks[""])
            message = f"layer {layer.name!r}: {error}"
            diagnostics.append(Diagnostic("HG202", message, where, error.hint))
            continue
        problem = _too_large(layer, {layer.name: shape, **arrays})
        if problem is not None:
            diagnostics.append(problem)
            continue
        shapes[layer.name] = shape
        weights |= arrays
        given = params[layer.name]
        nodes.append(Node(layer.name, layer.op, layer.inputs, given, shape, layer.marks[""]))
    return Analysis(tuple(nodes), weights, diagnostics)


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
    if layer.op not in op_names():
        hint = f"{nearest(layer.op, op_names())}ops: {', '.join(op_names())}"
        message = f"{subject} has an unknown op {quoted(layer.op)}"
        return None, [Diagnostic("HG201", message, place(["op"], False), hint)]
    op = get_op(layer.op)
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


def _infer(
    layer: LayerSpec, params: OpParams, inputs: Sequence[Shape]
) -> tuple[Shape, dict[str, Shape]]:
    """Return the shapes of a layer's output and of its arrays."""
    op = get_op(layer.op)
    shape = op.shape(params, inputs)
    arrays = op.weights(params, inputs)
    return shape, {f"{layer.name}.{name}": item for name, item in arrays.items()}


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
