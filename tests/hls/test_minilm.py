"""The whole of all-MiniLM-L6-v2 in HLS C++, on sentences."""

import pytest

from support.minilm import needs_weights


@needs_weights
@pytest.mark.nightly
@pytest.mark.hls
@pytest.mark.parametrize(("bits", "length"), [(8, 128), (4, 32)])
def test_the_whole_model_gives_the_golden_codes(tmp_path, bits, length):
    from convert import TEST, sentences
    from csim import simulate
    from model import Model, variant

    model = Model(variant(tmp_path, bits, length))
    chosen = sentences(TEST)[-3:-1]
    counts = model.inputs(chosen)["count"]
    assert 0 < counts.min() < length
    # It raises where a code differs.
    assert simulate(model, chosen, tmp_path / "hls") == len(chosen) * length * 384
