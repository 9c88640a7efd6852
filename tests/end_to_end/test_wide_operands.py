"""Operands of 16 bits on the array: linear layers and products, beside attention of 8 bits."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec.model import Precision
from hwgen.verify.rtl import simulate_rtl
from support.graphs import make_graph, make_spec
from support.hls import hls_outputs

TENSORS = 3
WIDE = Precision(weights=8, activations=16)
NARROW = Precision(weights=8, activations=8)
LAYERS = [
    {"name": "a", "op": "linear", "in": "x", "features": 16},
    {"name": "b", "op": "linear", "in": "x", "features": 16},
    {"name": "scores", "op": "matmul", "in": ["a", "b"], "transpose_b": True},
    {"name": "mixed", "op": "matmul", "in": ["scores", "b"]},
    {"name": "q", "op": "linear", "in": "mixed", "features": 16},
    {"name": "seen", "op": "attention", "in": ["q", "b", "b"], "heads": 2, "tile": 8},
    {"name": "y", "op": "linear", "in": "seen", "features": 8},
]
"""``b`` and ``q`` have 8 bits, everything else has 16."""


def compiled():
    """Return the qgraph and its plan."""
    graph = make_graph({"x": (6, 12)}, LAYERS)
    spec = make_spec(graph, WIDE, {"b": NARROW, "q": NARROW}, multipliers=32)
    qgraph = quantize(graph, spec)
    return qgraph, make_plan(qgraph, spec.accelerator)


def test_codes_have_the_bits_that_the_spec_gives_them():
    qgraph, _ = compiled()

    bits = {name: qgraph.tensor(name).type.bits for name in ("x", "a", "b", "scores", "mixed")}
    assert bits == {"x": 16, "a": 16, "b": 8, "scores": 16, "mixed": 16}
    inputs = golden.random_inputs(qgraph, TENSORS, seed=3)
    assert max(np.abs(codes).max() for codes in inputs.values()) > 1 << 12


@pytest.mark.nightly
@pytest.mark.verilator
def test_the_rtl_equals_the_golden_model(tmp_path):
    """Raises if a value differs, or a tensor leaves in another cycle than predicted."""
    qgraph, plan = compiled()
    assert {task.engine for task in plan.tasks} == {"array"}

    simulate_rtl(plan, qgraph, golden.random_inputs(qgraph, TENSORS, seed=3), tmp_path)


@pytest.mark.hls
def test_the_cpp_equals_the_golden_model(tmp_path):
    qgraph, plan = compiled()
    inputs = golden.random_inputs(qgraph, TENSORS, seed=3)

    got = hls_outputs(plan, qgraph, inputs, tmp_path)

    expected = golden.run(qgraph, inputs)
    assert all(np.array_equal(got[output], expected[output]) for output in qgraph.outputs)


def test_two_operands_of_16_bits_do_not_fit_an_accumulator():
    graph = make_graph({"x": (6, 12)}, LAYERS)

    with pytest.raises(SpecError) as error:
        quantize(graph, make_spec(graph, WIDE, {"q": NARROW}))

    assert {found.code for found in error.value.diagnostics} == {"HG306", "HG311"}
