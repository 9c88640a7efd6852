"""Random legal specs: golden = RTL = HLS C++, and predicted = simulated cycles."""

import shutil
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from hwgen import golden
from hwgen.ops.registry import op_names
from hwgen.verify.rtl import verify_rtl
from support.hls import hls_outputs
from support.random_specs import DRAWN_OPS, specs
from support.specs import compile_spec

TENSORS = 3


def check_spec(text, stimulus):
    """Send tensors through both backends of a spec, the RTL with and without stalls."""
    folder = Path(tempfile.mkdtemp(prefix="hwgen-spec-"))
    try:
        qgraph, plan = compile_spec(text, folder)
        inputs = golden.random_inputs(qgraph, TENSORS, stimulus)
        expected = golden.run(qgraph, inputs)

        # Compares every output with the golden model and every cycle with the prediction.
        rtl = verify_rtl(
            plan, qgraph, inputs, folder / "sim", runner="native", seed=stimulus, optimise=0
        )
        hls = hls_outputs(plan, qgraph, inputs, folder / "hls")

        assert rtl.latency == plan.prediction.latency
        for name in qgraph.outputs:
            assert rtl.outputs[name].tolist() == expected[name].tolist()
            assert hls[name].tolist() == expected[name].tolist()
    finally:
        shutil.rmtree(folder)


def check_specs(number, examples):
    """Check that many examples of a seed; a failing one shrinks, and its YAML is printed."""

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(specs(), st.integers(0, 999))
    def check(text, stimulus):
        note(f"stimulus {stimulus} of this spec:\n{text}")
        check_spec(text, stimulus)

    check()


# Shards, so that they spread over the workers.
@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize("shard", range(8))
def test_random_specs(shard):
    check_specs(shard, 5)


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("shard", range(100, 120))
def test_many_random_specs(shard):
    check_specs(shard, 25)


def test_every_op_is_drawn():
    assert set(DRAWN_OPS) == set(op_names())


def test_shards_cover_ops_schedules_and_joins():
    ops, schedules, joins = set(), set(), 0

    @settings(
        max_examples=40,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(specs())
    def look(text):
        nonlocal joins
        spec = yaml.safe_load(text)
        ops.update(layer["op"] for layer in spec["model"]["layers"])
        schedules.add(spec["accelerator"]["schedule"])
        joins += any(layer["op"] in ("add", "concat") for layer in spec["model"]["layers"])

    look()

    assert ops == set(op_names())
    assert schedules == {"sequential", "dataflow"}
    assert joins >= 8
