import pytest

from support.op_bench import run_op_bench


@pytest.mark.nightly  # layer_norm has the same engine
@pytest.mark.verilator
def test_rms_norm_equals_the_golden_model(tmp_path):
    outcomes = run_op_bench("rms_norm", tmp_path)

    assert outcomes == {"free": "passed", "stalled": "passed", "reset": "passed"}
