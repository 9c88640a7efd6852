"""From a spec to its graph, and the check of a whole model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hwgen.errors import Diagnostic, Mark, SpecError
from hwgen.graph.absorb_flatten import absorb_flatten
from hwgen.graph.analyse import analyse
from hwgen.graph.fuse_activation import fuse_activation
from hwgen.graph.lengths import length_problems
from hwgen.graph.model import Graph, Input, Node
from hwgen.graph.rotate import rotate
from hwgen.graph.rotate_online import rotate_online
from hwgen.graph.streaming import check_stream
from hwgen.graph.weights import load_weights
from hwgen.graph.windows import check_windows
from hwgen.ops.base import Real
from hwgen.ops.registry import block_names
from hwgen.spec.model import Spec
from hwgen.spec.parse import parse_spec
from hwgen.spec.references import ROTATED, Reference, Wiring, check_names, check_wiring

__all__ = ["build_graph", "check_model"]


def build_graph(spec: Spec) -> Graph:
    """Return the graph of a spec, its weights loaded, after the passes.

    The passes leave alone what the spec gives a precision or a folding of its own, so that every
    such name is still a node.

    Raises
    ------
    SpecError
        With every mistake in the layers and the weights.
    """
    graph, diagnostics = _build(spec, complete=True)
    diagnostics = [*check_wiring(_wiring(spec)), *diagnostics]
    if diagnostics or graph is None:
        raise SpecError.of(diagnostics)
    return graph


def check_model(path: str | Path, *, allow_path: bool = False) -> tuple[Spec, Graph]:
    """Return the spec of a file and its graph.

    Parameters
    ----------
    path
        The YAML file.
    allow_path
        Whether files that it names may lie outside its folder.

    Raises
    ------
    SpecError
        With every mistake of the file and its weights, sorted by place.
    """
    spec, diagnostics = parse_spec(path, allow_path=allow_path)
    if spec is None:
        raise SpecError.of(diagnostics)
    graph, more = _build(spec, complete=not diagnostics)
    if diagnostics or more or graph is None:
        raise SpecError.of([*diagnostics, *more])
    return spec, graph


def _build(spec: Spec, *, complete: bool) -> tuple[Graph | None, list[Diagnostic]]:
    """Return the graph, or None and why not; an incomplete spec only gives diagnostics."""
    analysis = analyse(spec)
    complete = complete and not analysis.diagnostics
    weights, problems = load_weights(spec.weights, analysis.weights, complete=complete)
    diagnostics = [*analysis.diagnostics, *problems]
    inputs = tuple(Input(item.name, item.shape, item.lengths) for item in spec.inputs)
    if not analysis.diagnostics:
        diagnostics += _check_parts(spec, analysis.nodes)
        diagnostics += length_problems(
            spec.inputs, analysis.nodes, streamed=spec.stream is not None
        )
        if spec.stream is not None:
            check = check_stream if spec.stream.windows is None else check_windows
            diagnostics += check(inputs, analysis.nodes, spec.stream)
            diagnostics += _check_labels(spec)
    if diagnostics or not complete:
        return None, diagnostics
    graph = Graph(
        name=spec.name,
        inputs=inputs,
        nodes=analysis.nodes,
        outputs=spec.outputs,
        weights=_by_node(weights, analysis.nodes),
    )
    named = {*spec.quantize.layers, *spec.accelerator.folding}
    graph = fuse_activation(absorb_flatten(graph, keep=named), keep=named)
    mark = spec.marks.get("quantize.rotate", spec.quantize.mark)
    if spec.quantize.rotate == "hadamard":
        graph = rotate(graph, mark)
    elif spec.quantize.rotate == "online":
        graph = rotate_online(graph, mark, spec.quantize.layers)
    return graph, []


def _by_node(weights: Mapping[str, Real], nodes: Sequence[Node]) -> dict[str, Real]:
    """Return arrays by the names of their nodes instead of those in the file."""
    names = {node.label: node.name for node in nodes}
    found = {}
    for label, array in weights.items():
        layer, _, short = label.rpartition(".")
        found[f"{names[layer]}.{short}"] = array
    return found


def _check_parts(spec: Spec, nodes: Sequence[Node]) -> list[Diagnostic]:
    """Return which names that could mean a layer inside a block do not."""
    blocks = {node.blocks[-1] for node in nodes if node.blocks}
    places = spec.marks

    def parts(key: str, names: Iterable[str], mark: Mark) -> list[Reference]:
        return [
            Reference(name, places.get(f"{key}.{name}:", mark))
            for name in names
            if any(name.startswith(f"{block}_") for block in blocks)
        ]

    inputs = [item.name for item in spec.inputs]
    labels = [*dict.fromkeys(label for node in nodes for label in node.labels)]
    if spec.quantize.rotate == "online":  # the pass checks that these are transforms
        labels += [f"{label}{ROTATED}" for label in labels]
    choice, accelerator = spec.quantize, spec.accelerator
    precisions = parts("quantize.layers", choice.layers, choice.mark)
    foldings = parts("accelerator.folding", accelerator.folding, accelerator.mark)
    return [
        *check_names("quantize.layers", precisions, [*inputs, *labels]),
        *check_names("accelerator.folding", foldings, [node.name for node in nodes]),
    ]


def _check_labels(spec: Spec) -> list[Diagnostic]:
    if spec.verify.labels is None:
        return []
    message = "verify.labels in a stream, whose chunks have no classes"
    where = spec.marks.get("verify.labels")
    return [Diagnostic("HG459", message, where, "leave it away: random codes are sent then")]


def _wiring(spec: Spec) -> Wiring:
    """Return the names of a spec that may not come from a file."""
    marks = spec.marks
    nowhere = spec.accelerator.mark
    return Wiring(
        inputs=[Reference(item.name, item.mark) for item in spec.inputs],
        layers=[
            (
                Reference(layer.name, layer.marks[""]),
                [Reference(name, layer.marks.get("in", layer.marks[""])) for name in layer.inputs],
            )
            for layer in spec.layers
        ],
        outputs=[Reference(name, marks.get("model.outputs", nowhere)) for name in spec.outputs],
        precisions=[Reference(name, spec.quantize.mark) for name in spec.quantize.layers],
        foldings=[Reference(name, fold.mark) for name, fold in spec.accelerator.folding.items()],
        blocks=[layer.name for layer in spec.layers if layer.op in block_names()],
        rotates=spec.quantize.rotate == "online",
    )
