"""One encoder layer of all-MiniLM-L6-v2 in RTL, at its full size."""

import numpy as np
import pytest

from hwgen import golden
from support.minilm import needs_weights


@needs_weights
@pytest.mark.nightly
@pytest.mark.verilator
def test_a_whole_layer_gives_the_golden_codes_in_the_predicted_cycles(tmp_path):
    from convert import TEST, sentences
    from layer import activation, compiled, simulate

    sentence = sentences(TEST)[-3]
    qgraph, plan = compiled()
    inputs = activation(qgraph, sentence)
    assert inputs["x"].shape == (1, 128, 384)
    assert 20 < inputs["count"][0, 0] < 128
    result = simulate(qgraph, plan, sentence, tmp_path)  # raises where a code or a cycle differs
    expected = golden.run(qgraph, inputs)["layer"]
    assert np.array_equal(result.outputs["layer"], expected)
