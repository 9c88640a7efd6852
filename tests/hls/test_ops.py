"""Every op's C++ against the golden model: sizes, strides, padding, groups, types, foldings."""

import pytest

from hwgen.golden import first_difference, random_inputs, run
from hwgen.ops import op_names
from support.hls import hls_outputs
from support.hls_nets import CASES, SEQUENTIAL, random_net, random_plan

COUNT = {"attention": 12, "conv1d": 14, "conv2d": 14, "linear": 10}


def test_every_op_has_cases():
    assert sorted(CASES) == sorted(op_names())


ON_BOTH = [(op, "dataflow") for op in CASES if op not in SEQUENTIAL]


@pytest.mark.hls
@pytest.mark.parametrize(("op", "schedule"), [*((op, "sequential") for op in CASES), *ON_BOTH])
def test_op_equals_golden(tmp_path, op, schedule):
    qgraph = random_net(op, COUNT.get(op, 7), seed=len(op) + 3)
    inputs = random_inputs(qgraph, 12, seed=5)

    got = hls_outputs(random_plan(qgraph, schedule, seed=11), qgraph, inputs, tmp_path)

    assert set(got) == set(qgraph.outputs)
    assert first_difference(qgraph, run(qgraph, inputs), got) is None
