"""Tables, products, rotations and embeddings together, with the shim's and the vendor's types."""

import pytest

from hwgen.emit.hls import emit
from hwgen.golden import random_inputs
from hwgen.verify.hls import check_hls
from support.hls import TYPES, vendor_headers
from support.specs import compile_spec

SPEC = """\
hwgen: 1
name: points
model:
  inputs: {ids: {shape: [5]}}
  layers:
    - {name: rows, op: embedding, in: ids, vocabulary: 13, features: 8, positions: true}
    - {name: turned, op: rope, in: rows, heads: 2, running: true, start: 3, limit: 12}
    - {name: again, op: rope, in: rows, heads: 1, style: interleaved}
    - {name: gate, op: silu, in: turned}
    - {name: gated, op: mul, in: [gate, again]}
    - {name: y, op: gelu, in: gated}
    - {name: other, op: embedding, in: ids, vocabulary: 16, features: 3}
  outputs: [y, other]
weights: {random: 3}
quantize: {default: {weights: int8, activations: int8, symmetric: false}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: 1}}
"""


@pytest.mark.hls
@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_points(schedule, types, tmp_path):
    qgraph, plan = compile_spec(SPEC.replace("SCHEDULE", schedule), tmp_path)
    emit(plan, qgraph, tmp_path / "hls")
    vendor = vendor_headers() if types == "vendor" else None

    # Compares with the golden model; four tensors, so that running positions run.
    check_hls(tmp_path / "hls", qgraph, random_inputs(qgraph, 4, seed=1), vendor=vendor)
