import pytest

from support.op_bench import run_op_bench


@pytest.mark.verilator
def test_hadamard_equals_the_golden_model(tmp_path):
    outcomes = run_op_bench("hadamard", tmp_path)

    assert outcomes == {"free": "passed", "stalled": "passed", "reset": "passed"}
