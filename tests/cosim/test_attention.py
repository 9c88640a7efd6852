import pytest

from support.op_bench import run_op_bench


@pytest.mark.verilator
def test_attention_equals_the_golden_model(tmp_path):
    # Of this seed's three components one has two scores per cycle.
    outcomes = run_op_bench("attention", tmp_path, seed=4)

    assert outcomes == {"free": "passed", "stalled": "passed", "reset": "passed"}
