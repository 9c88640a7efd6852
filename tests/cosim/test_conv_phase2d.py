import pytest

from support.op_bench import run_op_bench


@pytest.mark.nightly  # conv2d has the same core
@pytest.mark.verilator
def test_conv_phase2d_equals_the_golden_model(tmp_path):
    outcomes = run_op_bench("conv_phase2d", tmp_path)

    assert outcomes == {"free": "passed", "stalled": "passed", "reset": "passed"}
