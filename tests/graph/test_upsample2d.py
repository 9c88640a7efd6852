"""The block upsample2d: its graph's real values equal plain loops."""

import numpy as np
import pytest

from hwgen.errors import SpecError
from hwgen.graph import build_graph
from hwgen.quant.execute import run_real
from hwgen.spec import load_spec

TEXT = """\
hwgen: 1
name: net
model:
  inputs: {{x: {{shape: {shape}}}}}
  layers:
    - {{name: y, op: upsample2d, in: x, factor: {factor}}}
  outputs: [y]
weights: {{random: 3}}
accelerator: {{schedule: sequential, budget: {{multipliers: 1}}}}
"""


def graph_of(folder, factor, shape="[2, 3, 4]"):
    path = folder / "spec.yaml"
    path.write_text(TEXT.format(factor=factor, shape=shape))
    return build_graph(load_spec(path))


@pytest.mark.parametrize(("factor", "layers"), [(2, 2), ([3, 1], 1), ([1, 2], 1), (1, 1)])
def test_both_axes_are_repeated(tmp_path, factor, layers):
    graph = graph_of(tmp_path, factor)
    data = np.arange(24.0).reshape(1, 2, 3, 4)
    down, across = (factor, factor) if isinstance(factor, int) else factor

    got = run_real(graph, {"x": data})["y"][0]

    assert len(graph.nodes) == layers
    assert got.shape == graph.shape("y") == (2, 3 * down, 4 * across)
    for c, row, column in np.ndindex(got.shape):
        assert got[c, row, column] == data[0, c, row // down, column // across]


def test_a_sequence_is_refused(tmp_path):
    with pytest.raises(SpecError, match="upsample2d needs an input of shape"):
        graph_of(tmp_path, 2, "[4, 4]")
