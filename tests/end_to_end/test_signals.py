"""The networks of examples/signals have the sizes that their documents state."""

from pathlib import Path

import pytest

from hwgen.graph import build_graph
from hwgen.spec import load_spec

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "signals"


@pytest.mark.parametrize(
    ("name", "count"), [("accelerometer", 960 * 131_040), ("rave_block", 5_640_192)]
)
def test_multiplications(name, count):
    graph = build_graph(load_spec(FOLDER / f"{name}.yaml"))
    shapes = {node.name: node.shape for node in graph.nodes}
    weights = {key.split(".")[0]: a for key, a in graph.weights.items() if key.endswith("weight")}
    # Every weight of a convolution is used once for each token of its result.
    assert sum(array.size * shapes[layer][0] for layer, array in weights.items()) == count
