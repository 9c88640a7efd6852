import pytest

from support.op_bench import run_op_bench


@pytest.mark.nightly  # avg_pool2d has the same core
@pytest.mark.verilator
def test_global_avg_pool_equals_the_golden_model(tmp_path):
    outcomes = run_op_bench("global_avg_pool", tmp_path)

    assert outcomes == {"free": "passed", "stalled": "passed", "reset": "passed"}
