"""Names that refer to each other: every mistake of the graph that needs no shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hwgen.errors import Diagnostic, Mark
from hwgen.spec.names import listing, nearest, quoted

__all__ = ["ROTATED", "Reference", "Wiring", "check_names", "check_wiring"]


@dataclass(frozen=True)
class Reference:
    """A name that is used somewhere, and where."""

    name: str
    mark: Mark


ROTATED = "_rotated"
"""What is added to the name of a tensor for its Hadamard transform (``rotate: online``)."""


@dataclass(frozen=True)
class Wiring:
    """The names in a spec, with their places; layers may be unusable otherwise.

    Parameters
    ----------
    inputs
        Model inputs.
    layers
        Each layer and the tensors it reads, in file order, duplicates included.
    outputs
        Model outputs.
    precisions, foldings
        Keys of ``quantize.layers`` and ``accelerator.folding``.
    blocks
        Layers that are blocks: the graph stage checks names that begin with theirs.
    uses_known
        False if the outputs, or what some layer reads, could not be understood: then a tensor
        that nothing seems to read is no mistake.
    rotates
        Whether tensors have transforms, with names of their own: :data:`ROTATED`.
    """

    inputs: Sequence[Reference]
    layers: Sequence[tuple[Reference, Sequence[Reference]]]
    outputs: Sequence[Reference]
    precisions: Sequence[Reference] = ()
    foldings: Sequence[Reference] = ()
    blocks: Sequence[str] = ()
    uses_known: bool = True
    rotates: bool = False


def check_wiring(wiring: Wiring) -> list[Diagnostic]:
    """Return every mistake: HG115 to HG120."""
    inputs = [item.name for item in wiring.inputs]
    layers = list(dict.fromkeys(layer.name for layer, _ in wiring.layers))
    legal = [*inputs, *layers]
    if wiring.rotates:
        legal += [f"{name}{ROTATED}" for name in legal]
    return [
        *_duplicates(wiring),
        *_undefined(wiring, [*inputs, *layers]),
        *_cycles(wiring),
        *_outputs(wiring, inputs, layers),
        *_unused(wiring),
        *check_names("quantize.layers", _plain(wiring, wiring.precisions), legal),
        *check_names("accelerator.folding", _plain(wiring, wiring.foldings), layers),
    ]


def _duplicates(wiring: Wiring) -> Iterable[Diagnostic]:
    first = {item.name: item.mark for item in wiring.inputs}
    for layer, _ in wiring.layers:
        if layer.name in first:
            hint = f"the first {quoted(layer.name)} is in line {first[layer.name].line}; rename one"
            yield Diagnostic(
                "HG115", f"two tensors of the name {quoted(layer.name)}", layer.mark, hint
            )
        else:
            first[layer.name] = layer.mark


def _undefined(wiring: Wiring, names: list[str]) -> Iterable[Diagnostic]:
    for layer, reads in wiring.layers:
        for read in reads:
            if read.name not in names:
                hint = f"{nearest(read.name, names)}there are {listing(names)}"
                message = (
                    f"layer {quoted(layer.name)} reads {quoted(read.name)}, which nothing defines"
                )
                yield Diagnostic("HG116", message, read.mark, hint)


def _cycles(wiring: Wiring) -> Iterable[Diagnostic]:
    """One diagnostic for each cycle that a walk along the layers' inputs closes."""
    inputs = {item.name for item in wiring.inputs}
    reads: dict[str, Sequence[Reference]] = {}
    for layer, used in wiring.layers:
        if layer.name not in inputs:
            reads.setdefault(layer.name, used)
    done: set[str] = set()
    for start in reads:
        path: list[str] = []
        todo: list[tuple[str, int]] = [(start, 0)]
        while todo:
            name, index = todo.pop()
            if index == 0:
                if name in done:
                    continue
                path.append(name)
            used = reads[name]
            if index == len(used):
                done.add(path.pop())
                continue
            todo.append((name, index + 1))
            read = used[index]
            if read.name in path:
                cycle = [*path[path.index(read.name) :], read.name]
                message = f"layers read each other in a circle: {listing(cycle, ' <- ')}"
                hint = f"{quoted(name)} must read something that does not depend on it"
                yield Diagnostic("HG117", message, read.mark, hint)
            elif read.name in reads:
                todo.append((read.name, 0))


def _outputs(wiring: Wiring, inputs: list[str], layers: list[str]) -> Iterable[Diagnostic]:
    seen: set[str] = set()
    for output in wiring.outputs:
        problem = ""
        hint = f"{nearest(output.name, layers)}layers: {listing(layers)}"
        if output.name in seen:
            problem, hint = "is there twice", "delete one of them"
        elif output.name in inputs:
            problem = "is an input: there is nothing to compute"
        elif output.name not in layers:
            problem = "is no layer"
        if problem:
            yield Diagnostic("HG118", f"output {quoted(output.name)} {problem}", output.mark, hint)
        seen.add(output.name)


def _unused(wiring: Wiring) -> Iterable[Diagnostic]:
    if not wiring.uses_known:
        return
    used = {read.name for _, reads in wiring.layers for read in reads}
    used |= {output.name for output in wiring.outputs}
    for kind, items in (("input", wiring.inputs), ("layer", [layer for layer, _ in wiring.layers])):
        for item in items:
            if item.name not in used:
                hint = "delete it" if kind == "input" else "delete it, or add it to model.outputs"
                yield Diagnostic(
                    "HG119", f"nothing reads {kind} {quoted(item.name)}", item.mark, hint
                )


def _plain(wiring: Wiring, names: Sequence[Reference]) -> list[Reference]:
    """Return the names that cannot mean a layer inside a block."""
    return [
        item
        for item in names
        if not any(item.name.startswith(f"{block}_") for block in wiring.blocks)
    ]


def check_names(key: str, names: Iterable[Reference], legal: Sequence[str]) -> Iterable[Diagnostic]:
    """Yield HG120 for each name under ``key`` that is not legal."""
    for item in names:
        if item.name not in legal:
            hint = f"{nearest(item.name, legal)}legal: {listing(legal)}"
            yield Diagnostic(
                "HG120", f"{key} names {quoted(item.name)}, which is no layer", item.mark, hint
            )
