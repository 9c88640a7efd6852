"""From a spec to its graph, and the check of a whole model."""

from __future__ import annotations

from pathlib import Path

from hwgen.errors import Diagnostic, SpecError
from hwgen.graph.absorb_flatten import absorb_flatten
from hwgen.graph.analyse import analyse
from hwgen.graph.fuse_activation import fuse_activation
from hwgen.graph.model import Graph, Input
from hwgen.graph.weights import load_weights
from hwgen.spec.model import Spec
from hwgen.spec.parse import parse_spec
from hwgen.spec.references import Reference, Wiring, check_wiring

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
    if diagnostics or not complete:
        return None, diagnostics
    graph = Graph(
        name=spec.name,
        inputs=tuple(Input(item.name, item.shape) for item in spec.inputs),
        nodes=analysis.nodes,
        outputs=spec.outputs,
        weights=weights,
    )
    named = {*spec.quantize.layers, *spec.accelerator.folding}
    return fuse_activation(absorb_flatten(graph, keep=named), keep=named), []


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
    )
