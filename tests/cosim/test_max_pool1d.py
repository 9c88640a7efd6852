import pytest

from support.op_bench import run_op_bench


@pytest.mark.nightly  # max_pool2d has the same core
@pytest.mark.verilator
def test_max_pool1d_equals_the_golden_model(tmp_path):
    outcomes = run_op_bench("max_pool1d", tmp_path)

    assert outcomes == {"free": "passed", "stalled": "passed", "reset": "passed"}
