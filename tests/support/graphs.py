"""Small graphs and specs without a spec file, for tests of single stages."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hwgen.errors import Mark
from hwgen.graph.model import Graph, Input, Node
from hwgen.ops import get_op
from hwgen.spec.model import (
    Accelerator,
    Budget,
    InputSpec,
    Precision,
    Quantize,
    Spec,
    Verify,
    Weights,
)

MARK = Mark("test.yaml", 1, 1)


def make_graph(inputs, layers, outputs=None, weights=None, seed=1, name="tiny"):
    """Return a Graph; ``layers`` are dicts as in a spec, weights default to normal ones."""
    shapes = {key: tuple(shape) for key, shape in inputs.items()}
    random = np.random.default_rng(seed)
    nodes, arrays = [], {}
    for layer in layers:
        keys = dict(layer)
        node, op = keys.pop("name"), get_op(keys.pop("op"))
        sources = keys.pop("in")
        sources = (sources,) if isinstance(sources, str) else tuple(sources)
        params = op.Params.model_validate(keys)
        sizes = [shapes[source] for source in sources]
        shapes[node] = op.shape(params, sizes)
        for short, shape in op.weights(params, sizes).items():
            arrays[f"{node}.{short}"] = random.standard_normal(shape)
        nodes.append(Node(node, op.name, sources, params, shapes[node], MARK))
    return Graph(
        name=name,
        inputs=tuple(Input(key, tuple(shape)) for key, shape in inputs.items()),
        nodes=tuple(nodes),
        outputs=tuple(outputs or (nodes[-1].name,)),
        weights={**arrays, **(weights or {})},
    )


def make_spec(
    graph: Graph,
    default: Precision | None = None,
    layers: Mapping[str, Precision] | None = None,
    calibrate: Path | None = None,
    multipliers: int = 4,
    schedule: str = "sequential",
):
    """Return the Spec that goes with a graph of :func:`make_graph`."""
    return Spec(
        path=Path("test.yaml"),
        name=graph.name,
        inputs=tuple(InputSpec(item.name, item.shape, MARK) for item in graph.inputs),
        layers=(),
        outputs=graph.outputs,
        weights=Weights(None, 1, MARK),
        quantize=Quantize(default or Precision(), layers or {}, calibrate, MARK),
        accelerator=Accelerator(schedule, Budget(multipliers, None), {}, 25.0, MARK),
        board=None,
        verify=Verify(4, 1, None),
    )
