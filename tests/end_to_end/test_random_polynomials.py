"""Random convolutions of several samples per multiplier: golden = RTL = HLS C++, exact cycles."""

import pytest
from end_to_end.test_random_specs import check_spec

from support.random_polynomials import polynomial_spec
from support.specs import compile_spec


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(40))
def test_random_polynomials(seed, tmp_path):
    text = polynomial_spec(seed)
    _, plan = compile_spec(text, tmp_path)
    assert any(engine.multiplier.kind == "polynomial" for engine in plan.engines)
    check_spec(text, seed)
