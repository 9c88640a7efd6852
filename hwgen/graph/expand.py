"""From a block's line to the layers that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwgen.ops import ParamError
from hwgen.ops.base import Shape
from hwgen.ops.block import BlockParams, Part
from hwgen.ops.registry import get_block
from hwgen.spec.model import LayerSpec
from hwgen.spec.names import name_problem

__all__ = ["Line", "expand"]


@dataclass(frozen=True)
class Line:
    """A layer as if it had been written.

    Parameters
    ----------
    layer
        Its marks are those of the block's keys.
    label
        ``<block>_<part>``, or ``<block>_<i>_<part>`` if the block is repeated.  The layer with
        the block's result has the block's name instead.
    blocks
        ``<block>_<i>`` if the block is repeated, and the block's name.
    """

    layer: LayerSpec
    label: str
    blocks: tuple[str, ...]


def expand(layer: LayerSpec, params: BlockParams, inputs: Sequence[Shape]) -> list[Line]:
    """Return the layers of a block in the order in which they compute.

    Raises
    ------
    ParamError
        If its keys do not fit the shapes of its inputs, or names would get too long.
    """
    parts = get_block(layer.op).parts(params, inputs)
    lines: list[Line] = []
    source = layer.inputs[0]
    for index in range(params.repeat):
        blocks = (layer.name,) if params.repeat == 1 else (f"{layer.name}_{index}", layer.name)
        names = {part.name: f"{blocks[0]}_{part.name}" for part in parts}
        labels = dict(names)
        if index == params.repeat - 1:
            names[parts[-1].name] = layer.name
        reads = (source, *layer.inputs[1:])
        lines += [_line(layer, part, names, labels, reads, blocks) for part in parts]
        source = names[parts[-1].name]
    _check_names(layer.name, lines)
    return lines


def _line(
    layer: LayerSpec,
    part: Part,
    names: dict[str, str],
    labels: dict[str, str],
    inputs: Sequence[str],
    blocks: tuple[str, ...],
) -> Line:
    marks = dict(layer.marks)
    for key in part.params:
        origin = part.keys.get(key, key)
        marks[key] = layer.marks.get(origin, layer.marks[""])
    written = replace(
        layer,
        name=names[part.name],
        op=part.op,
        inputs=tuple(names[r] if isinstance(r, str) else inputs[r] for r in part.inputs),
        params=part.params,
        marks=marks,
    )
    return Line(written, labels[part.name], blocks)


def _check_names(block: str, lines: Sequence[Line]) -> None:
    longest = max((line.label for line in lines), key=len)
    problem = name_problem(longest)
    if problem is not None:
        message, hint = problem
        more = len(longest) - len(block)
        raise ParamError(
            f"its layer {longest!r} {message}",
            key="name",
            hint=f"{hint}, and the names of its layers are up to {more} longer than the block's",
        )
