"""Random legal specs: golden = RTL = HLS C++, and predicted = simulated cycles."""

import shutil
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, note
from hypothesis import strategies as st

from hwgen import golden
from hwgen.ops.registry import op_names
from hwgen.plan import predict
from hwgen.verify.rtl import verify_rtl
from support.draws import repeatable
from support.hls import hls_outputs
from support.random_specs import DRAWN_OPS, specs
from support.specs import compile_spec

TENSORS = 3
SHARDS = range(8)  # so that they spread over the workers
SEED = 64  # has all ops in the few examples of these shards
ATTENTION = range(220, 226)
EXAMPLES = 6  # the first of each shard is a trivial one


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

        counts = {name: codes.reshape(TENSORS, -1)[:, 0].tolist() for name, codes in inputs.items()}
        assert rtl.latency == predict(plan, 1, counts)[0] + 1
        for name in qgraph.outputs:
            assert rtl.outputs[name].tolist() == expected[name].tolist()
            assert hls[name].tolist() == expected[name].tolist()
    finally:
        shutil.rmtree(folder)


def draw(number, examples, action, first=()):
    """Call ``action(text, stimulus)`` for the examples of a seed; a failing one shrinks."""

    @repeatable(number, examples)
    @given(specs(first), st.integers(0, 999))
    def each(text, stimulus):
        note(f"stimulus {stimulus} of this spec:\n{text}")
        action(text, stimulus)

    each()


UNSIGNED_QUERIES = """\
hwgen: 1
name: unsigned_queries
model:
  inputs: {x: {shape: [9, 6]}}
  layers:
    - {name: p, op: matmul, in: [x, x], transpose_b: true}
    - {name: q, op: relu, in: p}
    - {name: y, op: attention, in: [q, p, q], heads: 1, tile: 8, causal: true}
  outputs: [p, y]
weights: {random: 2}
quantize: {default: {weights: int2, activations: int4, symmetric: true}}
accelerator: {schedule: sequential, budget: {multipliers: 16}}
"""


@pytest.mark.verilator
@pytest.mark.hls
def test_unsigned_codes_as_wide_as_the_buffer_are_attended_to():
    check_spec(UNSIGNED_QUERIES, 0)


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize("shard", SHARDS)
def test_random_specs(shard):
    draw(SEED + shard, EXAMPLES, check_spec, first=sorted(DRAWN_OPS)[shard :: len(SHARDS)])


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("shard", range(100, 120))
def test_many_random_specs(shard):
    draw(shard, 25, check_spec)


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("shard", ATTENTION)
def test_random_attention(shard):
    """Caches of 8 and 4 bits, windows and sinks, which few of the others have."""
    draw(shard, 25, check_spec, first=["attention"])


def test_attention_is_drawn_with_caches_of_both_widths():
    texts = []
    for shard in ATTENTION:
        draw(shard, 25, lambda text, stimulus: texts.append(text), first=["attention"])
    assert sum("cache" in text for text in texts) >= 20
    assert sum("bits: 4" in text for text in texts) >= 5


def test_every_op_is_drawn():
    assert set(DRAWN_OPS) == set(op_names())


def test_shards_cover_ops_schedules_and_joins():
    texts = []
    for shard in SHARDS:
        first = sorted(DRAWN_OPS)[shard :: len(SHARDS)]
        draw(SEED + shard, EXAMPLES, lambda text, stimulus: texts.append(text), first)
    drawn = [yaml.safe_load(text) for text in set(texts)]
    ops = [{layer["op"] for layer in spec["model"]["layers"]} for spec in drawn]

    assert len(drawn) >= 40
    assert set.union(*ops) == set(op_names())
    assert {spec["accelerator"]["schedule"] for spec in drawn} == {"sequential", "dataflow"}
    assert sum(bool(names & {"add", "concat"}) for names in ops) >= 8
    assert sum("folding" in spec["accelerator"] for spec in drawn) >= 4
    kinds = [spec["accelerator"]["multiplier"] for spec in drawn]
    assert min(kinds.count(kind) for kind in ("plain", "packed", "lut")) >= 3
