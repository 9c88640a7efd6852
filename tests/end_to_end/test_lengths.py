"""One circuit takes a prompt and then single tokens: RTL and C++ equal the golden model."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.emit.hls import emit
from hwgen.plan import predict
from hwgen.quant.execute import run_integer
from hwgen.quant.lengths import at_length
from hwgen.verify.hls import check_hls, simulate_hls
from hwgen.verify.rtl import simulate_rtl, verify_rtl
from support.decoder import CACHES, decoder_spec
from support.specs import compile_spec

PROMPT = [8, *[1] * 6, 3, 8, 1, 8, 8, 1]
SHORT = """\
hwgen: 1
name: shorter
model:
  inputs: {x: {shape: [3, 4], lengths: [3, 1]}}
  layers:
    - {name: k, op: rope, in: x, heads: 1, running: true}
    - {name: a, op: attention, in: [x, k, x], heads: 1, tile: 8, causal: true, cache: {length: 9}}
    - {name: n, op: rms_norm, in: a}
  outputs: [n, k]
weights: {random: 1}
quantize: {default: {weights: int8, activations: int6}}
accelerator: {schedule: sequential, budget: {multipliers: 8}}
"""
STORED = """\
hwgen: 1
name: stored
model:
  inputs: {x: {shape: [4, 16], lengths: [4, 3, 1]}}
  layers:
    - {name: k, op: rope, in: x, heads: 1, running: true}
    - {name: a, op: attention, in: [x, k, x], heads: 1, tile: 8, causal: true, CACHE}
  outputs: [a]
weights: {random: 1}
quantize: {default: {weights: int8, activations: int8}}
accelerator: {schedule: sequential, budget: {multipliers: 32}, memory: {port_bits: 64, latency: 9}}
"""


@pytest.fixture(scope="module", params=CACHES)
def compiled(request, tmp_path_factory):
    return compile_spec(decoder_spec(request.param), tmp_path_factory.mktemp("decoder"))


def test_lengths_share_all_but_their_loops(compiled):
    qgraph, plan = compiled
    assert plan.lengths == qgraph.lengths == (8, 3, 1)
    for one in plan.shorter:
        assert (one.engines, one.buffers) == (plan.engines, plan.buffers)
        assert [task.name for task in one.tasks] == [task.name for task in plan.tasks]
        assert one.prediction.interval < plan.prediction.interval
        small = at_length(qgraph, one.tokens)
        for place in one.placements:
            whole = plan.placement(place.tensor)
            assert (place.buffer, place.address) == (whole.buffer, whole.address)
            assert place.elements <= whole.elements
        for node in qgraph.nodes:
            constants = small.node(node.name).lowered.constants
            assert all(constants[name] is array for name, array in node.lowered.constants.items())


def test_cycles_depend_on_the_order_only_by_the_caches(compiled):
    _, plan = compiled
    ends = predict(plan, 4, lengths=[8, 1, 1, 8])
    assert ends[0] + 1 == plan.prediction.latency
    assert plan.at(1).prediction.latency == predict(plan.at(1), 1)[0] + 1
    assert ends[2] - ends[1] <= plan.at(1).prediction.interval < ends[3] - ends[2]


@pytest.mark.hls
def test_cpp_equals_the_golden_model_in_any_order(compiled, tmp_path):
    qgraph, plan = compiled
    emit(plan, qgraph, tmp_path)
    inputs = golden.random_inputs(qgraph, len(PROMPT), seed=2)
    expected = golden.run(qgraph, inputs, lengths=PROMPT)
    got = check_hls(tmp_path, qgraph, inputs, lengths=PROMPT, expected=expected)
    assert np.array_equal(got["a"], expected["a"])


@pytest.mark.hls
def test_cpp_empties_a_cache_that_has_no_room(tmp_path):
    qgraph, plan = compile_spec(decoder_spec("cache"), tmp_path)
    order = [8] * 7 + [1, 1, 3, 8, 1]  # 58 of 60 tokens, then three
    inputs = golden.random_inputs(qgraph, len(order), seed=6)
    emit(plan, qgraph, tmp_path)
    got = simulate_hls(tmp_path, qgraph, inputs, lengths=order)
    expected = run_integer(qgraph, inputs, tokens=np.array(order))  # golden.run refuses it
    assert np.array_equal(got["a"], expected["a"])


@pytest.mark.verilator
def test_rtl_with_stalls_and_a_reset(tmp_path):
    qgraph, plan = compile_spec(SHORT, tmp_path)
    lengths = [3, 1, 1, 3, 1]
    inputs = golden.random_inputs(qgraph, len(lengths), seed=3)
    result = verify_rtl(plan, qgraph, inputs, tmp_path, lengths=lengths)
    expected = golden.run(qgraph, inputs, lengths=lengths)
    assert all(np.array_equal(result.outputs[name], expected[name]) for name in ("n", "k"))
    assert result.cycles[-1] == predict(plan, len(lengths), lengths=lengths)[-1] + 1


@pytest.mark.verilator
@pytest.mark.nightly
def test_rtl_in_any_order(compiled, tmp_path):
    qgraph, plan = compiled
    inputs = golden.random_inputs(qgraph, len(PROMPT), seed=2)
    verify_rtl(plan, qgraph, inputs, tmp_path, lengths=PROMPT, runner="native")


@pytest.mark.hls
@pytest.mark.verilator
@pytest.mark.nightly
@pytest.mark.parametrize(
    "cache",
    [
        "cache: {length: 40, memory: external}",
        "cache: {length: 40, memory: external, bits: 4}",
        "window: 12, sinks: 2, cache: {memory: external}",
        "window: 12, sinks: 2, cache: {bits: 4}",
    ],
)
def test_caches_of_four_bits_and_in_external_memory(cache, tmp_path):
    qgraph, plan = compile_spec(STORED.replace("CACHE", cache), tmp_path)
    lengths = [4, 1, 1, 3, 1, 4, 1, 3, 4, 1, 1, 4, 1, 1]
    inputs = golden.random_inputs(qgraph, len(lengths), seed=2)
    emit(plan, qgraph, tmp_path / "hls")
    check_hls(tmp_path / "hls", qgraph, inputs, lengths=lengths)
    simulate_rtl(
        plan, qgraph, inputs, tmp_path / "rtl", runner="native", optimise=0, lengths=lengths
    )
