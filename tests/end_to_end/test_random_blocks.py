"""Random specs with `mixed`: golden = RTL = HLS C++, and predicted = simulated cycles."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from hwgen import golden
from hwgen.plan import predict
from hwgen.verify.rtl import verify_rtl
from support.draws import repeatable
from support.hls import hls_outputs
from support.random_blocks import with_blocks
from support.random_specs import specs
from support.specs import compile_spec

TENSORS = 3
SHARDS = range(300, 306)


def draw(number, examples, action):
    """Call ``action(text, folder)`` for random specs with blocks; a failing one shrinks."""

    @repeatable(number, examples)
    @given(specs(["linear"]), st.integers(0, 999))
    def each(text, number):
        with tempfile.TemporaryDirectory(prefix="hwgen-blocks-") as name:
            mixed = with_blocks(text, number, Path(name))
            if mixed is not None:
                note(f"seed {number} gives this spec:\n{mixed}")
                action(mixed, Path(name))

    each()


def check(text, folder):
    """Send tensors through both backends, the RTL with and without stalls."""
    qgraph, plan = compile_spec(text, folder)
    assert "mac_array" in {engine.template for engine in plan.engines}
    inputs = golden.random_inputs(qgraph, TENSORS, 1)
    expected = golden.run(qgraph, inputs)
    # Compares every output with the golden model and every cycle with the prediction.
    rtl = verify_rtl(plan, qgraph, inputs, folder / "sim", runner="native", optimise=0)
    hls = hls_outputs(plan, qgraph, inputs, folder / "hls")
    assert rtl.latency == predict(plan, 1)[0] + 1
    for name in qgraph.outputs:
        assert rtl.outputs[name].tolist() == expected[name].tolist()
        assert hls[name].tolist() == expected[name].tolist()


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("shard", SHARDS)
def test_random_blocks(shard):
    draw(shard, 12, check)


def test_random_blocks_differ():
    """Blocks and weights of all widths, alone and together, neighbours of every other engine."""
    bits, digits, templates, plans = set(), set(), set(), 0

    def look(text, folder):
        nonlocal plans
        _, plan = compile_spec(text, folder)
        plans += 1
        templates.update(engine.template for engine in plan.engines)
        for task in plan.tasks:
            bits.add(frozenset(block.bits for block in task.work.blocks))
        digits.add(frozenset(task.work.digits for task in plan.tasks if task.work.blocks))

    draw(SHARDS[-1], 40, look)
    assert plans >= 12
    assert {frozenset({4}), frozenset({8}), frozenset({4, 8})} <= bits
    assert digits == {frozenset({1}), frozenset({2}), frozenset({1, 2})}
    assert templates >= {"mac_array", "array", "mac", "vector"}
