"""Move the spread of channels from the result of a normalisation into the layers that read it.

Some channels of a normalised tensor are far larger than the others, and one step size for all of
them leaves the others with few codes.  Dividing each channel by a factor, and multiplying the
weights that read it by the same factor, changes nothing in real numbers (SmoothQuant: Xiao et
al., ICML 2023).  Where others read the tensor too, a residual sum above all, the linear layers get
a copy of the normalisation that is theirs alone: it costs a pass over the rows, and the sum may
keep a wide type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwgen.graph.model import Graph, Node
from hwgen.ops.base import Real

__all__ = ["Equalized", "factors", "split_norms"]

_NORMS = ("layer_norm", "rms_norm")


@dataclass(frozen=True, eq=False)
class Equalized:
    """A graph whose normalisations can be equalised.

    Parameters
    ----------
    graph
        With a copy of each normalisation that not only linear layers read.
    origins
        Name of the tensor in the original graph by the name of the normalisation whose
        channels may be scaled: linear layers and nobody else read it.
    """

    graph: Graph
    origins: Mapping[str, str]


def split_norms(graph: Graph) -> Equalized:
    """Return the graph with a normalisation for linear layers alone wherever they read one."""
    names = {item.name for item in graph.inputs} | {node.name for node in graph.nodes}
    nodes: list[Node] = []
    weights = dict(graph.weights)
    origins: dict[str, str] = {}
    moved: dict[str, str] = {}
    for node in graph.nodes:
        if node.op == "linear":
            node = replace(node, inputs=tuple(moved.get(name, name) for name in node.inputs))
        nodes.append(node)
        readers = [graph.node(name) for name in graph.consumers(node.name)]
        linear = [reader for reader in readers if reader.op == "linear"]
        if node.op not in _NORMS or len(node.shape) == 3 or not linear:
            continue
        if len(linear) == len(readers) and node.name not in graph.outputs:
            origins[node.name] = node.name
            continue
        name = _free(f"{node.name}_linear", names)
        names.add(name)
        part = node.part and f"{node.part}_linear"
        nodes.append(replace(node, name=name, part=part))
        weights |= {
            f"{name}.{short}": array for short, array in graph.node_weights(node.name).items()
        }
        origins[name], moved[node.name] = node.name, name
    return Equalized(replace(graph, nodes=tuple(nodes), weights=weights), origins)


def factors(values: Real, weights: Sequence[Real], strength: float) -> Real:
    """Return what each channel is to be divided by, positive, with a geometric mean of 1.

    Parameters
    ----------
    values
        The normalised tensor, channels on the last axis.
    weights
        Weights of every layer that reads it, (outputs, channels).
    strength
        0 evens out the weights, 1 the values: SmoothQuant's alpha.
    """
    channels = values.shape[-1]
    spread = np.abs(values).reshape(-1, channels).max(axis=0, initial=0.0)
    reach = np.abs(np.concatenate(list(weights))).max(axis=0, initial=0.0)
    used = (spread > 0) & (reach > 0)
    found = np.ones(channels)
    if used.any():
        logs = strength * np.log(spread[used]) - (1 - strength) * np.log(reach[used])
        found[used] = np.exp(logs - logs.mean())
    return found


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
