import pytest

from support.op_bench import run_op_bench


@pytest.mark.nightly  # concat has the same engine
@pytest.mark.verilator
def test_interleave_equals_the_golden_model(tmp_path):
    outcomes = run_op_bench("interleave", tmp_path)

    assert outcomes == {"free": "passed", "stalled": "passed", "reset": "passed"}
